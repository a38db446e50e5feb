"""`python -m analysis.tradeoff STUDY…`: which trials trade one metric best for another, and which kind of model does it.

tradeoff.png    every usable trial in the plane of two metrics, with the Pareto front, by objective
tradeoff.csv    the same trials as a table, with their knobs

in the study's own `figures/`; of several studies in `runs/comparisons/<names>/`, or wherever `--out` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from analysis.figures.pareto import pareto
from analysis.figures.style import caption, new_figure, png, themed
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import Studies, load_study
from analysis.tables.names import ARROWS, find_metric, knob_label, metric_name, number
from analysis.tables.tradeoff import by_variant, metric_pair, output_folder, tradeoff_table
from models.files import write_atomically
from registry.console import AsJson, command_line, make_console, print_json, run

__all__ = ["app"]

app = command_line("Show which trials trade one metric best for another, by kind of objective.")


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; or `example`.")],
    x: Annotated[str | None, typer.Option(help="Metric on the horizontal axis (default: the first searched one).")] = None,
    y: Annotated[str | None, typer.Option(help="Metric on the vertical axis (default: the second searched one).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the front and a summary by objective; write tradeoff.png and tradeoff.csv."""
    loaded = load_study(*studies)
    x, y = metric_pair(loaded, x, y)
    target = out or output_folder(loaded)
    table = tradeoff_table(loaded, x, y)
    write_atomically(target / "tradeoff.csv", table.to_csv(index=False))
    write_atomically(target / "tradeoff.png", draw(loaded, x, y))
    if as_json:
        print_json(_document(loaded, table, x, y, target))
        return
    console = make_console()
    for text in (_front_table(loaded, table, x, y), "", _variant_table(loaded, x, y), ""):
        console.print(text)
    for line in caveats(loaded):
        console.print(f"note: {line}")
    console.print(f"written   {target / 'tradeoff.png'}")
    console.print(f"          {target / 'tradeoff.csv'}")


def draw(studies: Studies, x: str, y: str) -> bytes:
    """tradeoff.png"""
    with themed():
        figure = new_figure(8, 4.6)
        ax = pareto(studies.trials, x, y, replicates=studies.replicates, ax=figure.subplots())
        ax.set_title(f"{metric_name(x)} against {metric_name(y)}")
        caption(figure, provenance(studies) + " · validation images · numbers are trials")
        return png(figure)


def _front_table(studies: Studies, table: pd.DataFrame, x: str, y: str) -> Table:
    front = table[table["front"]]
    several = len(studies.folders) > 1
    known = [key for key in (x, y, "kl", "active_units") if key in table.columns]
    keys = list(dict.fromkeys(known))
    shown = [knob for knob in ("architecture", "latent_dim", "learning_rate") if knob in table.columns]
    title = f"Pareto front: {len(front)} of {len(table)} usable trials · {provenance(studies)}"
    grid = Table(title=title, box=None, header_style="bold", title_justify="left")
    for column in (["study"] if several else []) + ["trial"]:
        grid.add_column(column, justify="right")
    for key in keys:
        metric = find_metric(key)
        arrow = f" {ARROWS[metric.direction]}" if metric and key in (x, y) else ""
        grid.add_column(key + arrow, justify="right")
    for column in ("objective", *(knob_label(knob) for knob in shown)):
        grid.add_column(column)
    for _, row in front.iterrows():
        cells = [*([row["study"]] if several else []), number(row["trial"]), *(number(row[key], 4) for key in keys)]
        grid.add_row(*cells, row["variant"], *(number(row[knob]) for knob in shown))
    return grid


def _variant_table(studies: Studies, x: str, y: str) -> Table:
    rows = by_variant(studies, x, y)
    grid = Table(title="By objective (best and median over usable trials)", box=None, header_style="bold", title_justify="left")
    for column in rows.columns:
        grid.add_column("objective" if column == "variant" else column, justify="left" if column == "variant" else "right")
    for row in rows.itertuples(index=False):
        grid.add_row(*(number(cell) for cell in row))
    return grid


def _document(studies: Studies, table: pd.DataFrame, x: str, y: str, target: Path) -> dict[str, Any]:
    """The JSON of `--json`: what is missing is null."""
    plain = table.astype(object).where(table.notna(), None)
    return {
        "x": x, "y": y, "settings": studies.settings, "caveats": caveats(studies), "trials": plain.to_dict("records"),
        "files": [str(target / "tradeoff.png"), str(target / "tradeoff.csv")],
    }  # fmt: skip


if __name__ == "__main__":
    run(app)
