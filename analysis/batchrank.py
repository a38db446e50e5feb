"""`python -m analysis.batchrank MODEL…`: which score finds the odd pictures of a batch, measured.

Models of one data set are taken as seeds of one configuration.  Writes, for every data set,

    rows.parquet        one row for every model, method, cell, batch
    batchrank.json      all tables below
    batchrank.md        the same to read: AUROC and average precision of every method by subject, the default's comparison with
                        all others, its context gain, explanations, false alarms in clean batches

What a method, a cell, a twin is: see `study.batchrank`; the methods that are whole commands: `analysis.ranking.whole_paths`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import AsJson, Registry, command_line, print_json, run

__all__ = ["app"]

app = command_line(
    "BatchRank: how well do scores find the odd pictures of a batch by its context?",
    "python -m analysis.batchrank dsprites_capacity@champion",
    "python -m analysis.batchrank a.vae b.vae --dataset mnist --methods contrast,knn,random --batches 20",
)


@app.command()
def main(
    models: Annotated[list[str], typer.Argument(help="Published models or .vae files; those of one data set count as seeds.")],
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the one that each model was trained on.")] = None,
    foreign: Annotated[str | None, typer.Option(help="Data set of foreign pictures for the low-level cells.")] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated; default: all that are quick. folder is what analysis.rank does, folder_trained a VAE a batch."
        ),
    ] = None,
    batches: Annotated[int, typer.Option(help="Draws a cell; a draw with twins is two batches.", min=2)] = 100,
    points: Annotated[int, typer.Option(help="Pictures to draw batches from.", min=100)] = 40_000,
    role: Annotated[str, typer.Option(help="report, or development: the cells the default score was chosen on.")] = "report",
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("runs/batchrank"),
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Run the benchmark and print its tables."""
    from analysis.ranking.benchmark import batchrank, checked_methods, checked_role, models_by_dataset, tables
    from analysis.ranking.benchmark_text import markdown, plain, write
    from study.datasets import load_dataset

    cells, chosen = checked_role(role), checked_methods(methods)
    other = load_dataset(foreign, data) if foreign else None
    for name, opened in models_by_dataset(models, dataset, registry).items():
        rows = batchrank(opened, load_dataset(name, data), chosen, batches, points, cells, other, registry)
        found = tables(rows)
        write(out / name.replace("/", "_").replace(":", "-"), rows, found)
        print_json(plain(found)) if as_json else print(markdown(name, rows, found))


if __name__ == "__main__":
    run(app)
