"""`python -m analysis.outliers STUDY…`: how well the trials' models rank odd pictures, and what that costs elsewhere.

A study records outlier ranking where its metrics include one of BatchRank's (`outlier`, `context_gain`, `explanation_hit`).
This command compares kinds of objective by them, with intervals over trials, and draws them against the study's other metrics:

outliers.png, outliers.csv    in the study's `figures/`, or wherever `--out` says

Where a benchmark of published models (`python -m analysis.batchrank`) has been run, `--rows` adds its methods with intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from analysis.figures.outliers import outlier_ranking
from analysis.figures.pareto import pareto
from analysis.figures.style import caption, new_figure, png, themed
from analysis.reporting.outliers import ABSENT, outlier_keys, outlier_table
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import Studies, load_study
from analysis.tables.names import number
from analysis.tables.tradeoff import output_folder
from models.errors import UserError
from models.files import write_atomically
from registry.console import AsJson, command_line, make_console, print_json, print_table, run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["app"]

app = command_line("Compare how well the models of studies rank odd pictures.")


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; or `example`.")],
    rows: Annotated[Path | None, typer.Option(help="rows.parquet of `python -m analysis.batchrank`.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print outlier metrics by kind of objective; write outliers.png and outliers.csv."""
    loaded = load_study(*studies)
    keys = outlier_keys(loaded)
    if not keys and rows is None:
        raise UserError(ABSENT.replace("This study", ", ".join(loaded.folders)))
    table = outlier_table(loaded)
    target = out or output_folder(loaded)
    write_atomically(target / "outliers.csv", table.to_csv(index=False))
    write_atomically(target / "outliers.png", _draw(loaded, keys, None if rows is None else _read(rows)))
    if as_json:
        print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
        return
    print_table(list(table.columns), [[number(cell) for cell in row] for row in table.itertuples(index=False)])
    console = make_console()
    for line in caveats(loaded):
        console.print(f"note: {line}")
    console.print(f"written   {target / 'outliers.png'}")


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise UserError(f"--rows must be the rows.parquet of analysis.batchrank, but {path}: {problem}") from None
    missing = {"method", "model", "subject", "cell", "index", "auroc"} - set(table.columns)
    if missing:
        raise UserError(f"--rows must be the rows.parquet of analysis.batchrank, but {path} has no column {sorted(missing)[0]}")
    return table


def _draw(studies: Studies, keys: list[str], rows: pd.DataFrame | None) -> bytes:
    """outliers.png: one panel an outlier metric (at most two), and one for the benchmark."""
    first = next((key for key in studies.metrics.index if key not in keys), None)
    shown = keys[:2] if first else []
    with themed():
        count = len(shown) + (rows is not None)
        figure = new_figure(7.4 * count, 4.6)
        axes: list[Axes] = list(figure.subplots(1, count, squeeze=False)[0])
        for ax, key in zip(axes, shown, strict=False):
            pareto(studies.trials, str(first), key, replicates=studies.replicates, ax=ax)
        if rows is not None:
            outlier_ranking(rows, ax=axes[-1])
        caption(figure, provenance(studies))
        return png(figure)


if __name__ == "__main__":
    run(app)
