"""`python -m analysis.matched STUDY… --knob KNOB`: what one knob does, between trials that differ in nothing else.

For each metric, the difference of the knob's two values within every setting of the other knobs: see
`analysis.tables.matched_settings`.

    matched.csv, matched.png    in the study's `figures/`, or wherever `--out` says
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, command_line, run

__all__ = ["app"]

app = command_line(
    "What one knob does, between trials that differ in nothing else.",
    "python -m analysis.matched my_grid my_grid_seed_1 --knob capacity/gamma_ratio",
)


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; seeds of one grid.")],
    knob: Annotated[str | None, typer.Option(help="The knob, e.g. capacity/gamma_ratio (required).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the table; write it and the figure."""
    from analysis.figures.matched_lines import matched_figure
    from analysis.reporting.answer import deliver
    from analysis.tables.load import load_study
    from analysis.tables.matched_settings import chosen_knob, matched_settings, matched_table
    from models.errors import UserError

    loaded = load_study(*studies)
    chosen = chosen_knob(loaded, knob)
    settings = {metric: matched_settings(loaded.distinct, chosen, metric) for metric in loaded.measured}
    table = matched_table(settings)
    if table.empty:
        raise UserError(f"no two usable trials differ in {chosen} alone: a grid has such trials (--sampler list)")
    deliver(loaded, "matched", table, lambda: matched_figure(settings, chosen), out, as_json)


if __name__ == "__main__":
    run(app)
