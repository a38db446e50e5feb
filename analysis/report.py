"""`python -m analysis.report STUDY`: one page that tells a study from top to bottom.

report.html in the study's folder: see `analysis.reporting.page`.  It needs nothing beside it, works from a file, in light and
dark, and prints.  A study that still runs gives a page of what there is so far.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from registry.console import Registry, command_line, duration, make_console, run

__all__ = ["app"]

app = command_line(
    "Tell a study in one HTML page.",
    "python -m analysis.report example",
    "python -m analysis.report my_study --out page.html",
    "python -m analysis.report my_study --floor",
)


@app.command()
def main(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A name under runs/, or a path; or `example`.")],
    out: Annotated[Path | None, typer.Option(help="The file to write (default: report.html in the study's folder).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: the one the study used).")] = None,
    floor: Annotated[
        bool, typer.Option("--floor", help="Measure what an untrained encoder reaches and how much sampling moves values (once).")
    ] = False,
    registry: Registry = None,
) -> None:
    """Write report.html."""
    from analysis.reporting.answer import notes
    from analysis.reporting.page import report
    from analysis.tables.floor import measure_floor
    from analysis.tables.load import home, load_study
    from models.files import write_atomically

    began = time.perf_counter()
    studies = load_study(study)
    (folder,) = studies.folders.values()
    if floor:
        measure_floor(studies, data)
    target = out or home(folder) / "report.html"
    write_atomically(target, report(studies, data, registry))
    console = make_console()
    notes(studies, console)
    console.print(f"written   {target}  ({target.stat().st_size / 2**20:.1f} MB, {duration(time.perf_counter() - began)})")


if __name__ == "__main__":
    run(app)
