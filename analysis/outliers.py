"""`python -m analysis.outliers STUDY…`: how well the trials' models rank odd pictures, and what that costs elsewhere.

A study records outlier ranking where its metrics include one of BatchRank's (`outlier`, `context_gain`, `explanation_hit`).
This command compares kinds of objective by them, with intervals over trials, and draws them against the study's other metrics:

outliers.png, outliers.csv    in the study's `figures/`, or wherever `--out` says

Where a benchmark of published models (`python -m analysis.batchrank`) has been run, `--rows` adds its methods with intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, command_line, run

__all__ = ["app"]

app = command_line(
    "Compare how well the models of studies rank odd pictures.",
    "python -m analysis.outliers my_study",
    "python -m analysis.outliers my_study --rows runs/batchrank/dsprites/rows.parquet",
)


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; or `example`.")],
    rows: Annotated[Path | None, typer.Option(help="rows.parquet of `python -m analysis.batchrank`.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print outlier metrics by kind of objective; write outliers.png and outliers.csv."""
    from analysis.figures.outlier_ranking import outliers_figure
    from analysis.reporting.answer import deliver
    from analysis.tables.load import load_study
    from analysis.tables.outlier_metrics import ABSENT, outlier_keys, outlier_table, read_rows
    from models.errors import UserError

    loaded = load_study(*studies)
    keys = outlier_keys(loaded)
    if not keys and rows is None:
        raise UserError(ABSENT.replace("This study", ", ".join(loaded.folders)))
    benchmark = None if rows is None else read_rows(rows)
    deliver(loaded, "outliers", outlier_table(loaded), lambda: outliers_figure(loaded, keys, benchmark), out, as_json)


if __name__ == "__main__":
    run(app)
