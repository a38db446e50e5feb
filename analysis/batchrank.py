"""`python -m analysis.batchrank MODEL…`: which score finds the odd pictures of a batch, measured.

Models of one data set are taken as seeds of one configuration.  Writes, for every data set,

    rows.parquet        one row for every model, method, cell, batch
    batchrank.json      all tables below
    batchrank.md        the same to read: AUROC and average precision of every method by subject, the default's comparison with
                        all others, its context gain, explanations, false alarms in clean batches

What a method, a cell, a twin is: see `study.batchrank`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.progress import Progress

from analysis.ranking.open_model import OpenModel, open_model
from analysis.tables.batchrank import alarm_table, comparison_table, explanation_table, gain_table, quality_table
from models.codec import Codec, TorchCodec
from models.config import VAEConfig
from models.errors import UserError
from models.files import write_atomically
from models.outlier_scores import SCORES
from registry.console import AsJson, Registry, command_line, print_json, run
from study.batchrank.bench import CONTROLS, Bench, all_methods, standard_cells
from study.batchrank.cells import Cell, Role
from study.batchrank.sample import LOWLEVEL, Sample, lowlevel_dataset, sample_of
from study.datasets import Dataset, Part, load_dataset

__all__ = ["app", "batchrank", "tables"]

app = command_line("BatchRank: how well do scores find the odd pictures of a batch by its context?")
UNTRAINED = "untrained_encoder"
PARTS: dict[Role, Part] = {"report": "test", "development": "validation"}


@app.command()
def main(
    models: Annotated[list[str], typer.Argument(help="Published models or .vae files; those of one data set count as seeds.")],
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the one that each model was trained on.")] = None,
    foreign: Annotated[str | None, typer.Option(help="Data set of foreign pictures for the low-level cells.")] = None,
    methods: Annotated[str, typer.Option(help="Comma-separated; default: every score and control.")] = ",".join(all_methods()),
    batches: Annotated[int, typer.Option(help="Draws a cell; a draw with twins is two batches.", min=2)] = 100,
    points: Annotated[int, typer.Option(help="Pictures to draw batches from.", min=100)] = 40_000,
    role: Annotated[str, typer.Option(help="report, or development: the cells the default score was chosen on.")] = "report",
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("runs/batchrank"),
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Run the benchmark and print its tables."""
    if role not in PARTS:
        raise UserError(f"unknown role {role!r}: choose one of {', '.join(PARTS)}")
    chosen = _checked(methods.split(","))
    opened = [open_model(reference, registry) for reference in models]
    names = [dataset or model.dataset for model in opened]
    if None in names:
        raise UserError(f"--dataset must say what {opened[names.index(None)].name} was trained on: a model file does not")
    other = load_dataset(foreign, data) if foreign else None
    for name in dict.fromkeys(names):
        mine = [model for model, theirs in zip(opened, names, strict=True) if theirs == name]
        rows = batchrank(
            mine, load_dataset(str(name), data), chosen, batches, points, "report" if role == "report" else "development", other
        )
        found = tables(rows)
        _write(out / str(name).replace("/", "_").replace(":", "-"), rows, found)
        print_json(_plain(found)) if as_json else print(_markdown(str(name), rows, found))


def batchrank(
    models: Sequence[OpenModel],
    dataset: Dataset,
    methods: Sequence[str],
    batches: int = 100,
    points: int = 40_000,
    role: Role = "report",
    foreign: Dataset | None = None,
) -> pd.DataFrame:
    """Tidy rows of all models: factor or class cells, then low-level cells."""
    console = Console(stderr=True)
    rows: list[dict[str, Any]] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for number, model in enumerate(models):
            for bench in _benches(model, dataset, methods, points, role, foreign):
                cells = [cell for cell in standard_cells(list(bench.sample.subjects)) if _possible(bench.sample, cell)]
                task = progress.add_task(f"{model.name}, {bench.sample.encoding.dataset.name}", total=len(cells))
                for cell in cells:
                    found = bench.run([cell], methods, batches)
                    rows += [{"model": f"{number} {model.name}", "subject": cell.subject, **row} for row in found]
                    progress.advance(task)
    if not rows:
        raise UserError(f"no cell is possible: {dataset.name} has too few pictures of every value among {points}")
    return pd.DataFrame(rows)


def tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables by title."""
    odd = rows[rows.auroc.notna()]
    content = odd[odd.subject != LOWLEVEL] if (odd.subject != LOWLEVEL).any() else odd
    return {
        "AUROC": quality_table(odd, "auroc"),
        "average precision above chance": quality_table(odd, "ap"),
        "first picture is odd": quality_table(odd, "hit"),
        "the default against the others, AUROC without low-level cells": comparison_table(content, "auroc"),
        "the default against the others, average precision without low-level cells": comparison_table(content, "ap"),
        "context gain of the default": gain_table(odd),
        "explanations": explanation_table(odd),
        "clean batches and found pictures": alarm_table(rows),
    }


def _benches(
    model: OpenModel, dataset: Dataset, methods: Sequence[str], points: int, role: Role, foreign: Dataset | None
) -> list[Bench]:
    """One for the data set's own subjects, where it has any, and one for damage."""
    wanted: list[tuple[Dataset, Part]] = [(lowlevel_dataset(dataset, foreign, PARTS[role]), "test")]
    if dataset.factors is not None or dataset.labels is not None:
        wanted.insert(0, (dataset, PARTS[role]))
    benches = []
    for data, part in wanted:
        sample = sample_of(model.codec, model.config, data, role, part, points)
        twin = sample_of(_untrained(model.config), model.config, data, role, part, points) if UNTRAINED in methods else None
        benches.append(Bench(sample, twin))
    return benches


def _untrained(config: VAEConfig) -> Codec:
    """The same network before training."""
    import torch

    from models.vae import VAE

    torch.manual_seed(0)
    return TorchCodec(VAE(config))


def _possible(sample: Sample, cell: Cell) -> bool:
    return sample.subjects[cell.subject].smallest_pool() >= cell.n - cell.odd


def _checked(methods: list[str]) -> list[str]:
    for method in methods:
        if method not in CONTROLS:
            SCORES.load(method)
    return methods


def _write(folder: Path, rows: pd.DataFrame, found: dict[str, pd.DataFrame]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / "rows.parquet")
    write_atomically(folder / "batchrank.json", json.dumps(_plain(found), indent=1))
    write_atomically(folder / "batchrank.md", _markdown(folder.name, rows, found))


def _plain(found: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Tables as JSON: {title: {row: {column: value or [mean, low, high]}}}."""

    def cell(value: Any) -> Any:
        return [float(v) for v in value] if isinstance(value, tuple) else None if pd.isna(value) else float(value)

    return {
        title: {_label(key): {column: cell(value) for column, value in row.items()} for key, row in frame.iterrows()}
        for title, frame in found.items()
    }


def _markdown(name: str, rows: pd.DataFrame, found: dict[str, pd.DataFrame]) -> str:
    seeds = rows.model.nunique()
    only = " One model: the intervals cover batches, not other seeds." if seeds == 1 else ""
    batches = rows.groupby(["cell", "index", "twin"]).ngroups
    lines = [f"# BatchRank on {name}", "", f"{seeds} models, {rows.cell.nunique()} cells, {batches} batches.{only}"]
    lines.append("Means with 95 % bootstrap intervals.")
    for title, frame in found.items():
        if frame.empty:
            continue
        lines += [
            "",
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| | " + " | ".join(frame.columns) + " |",
            "|---" * (len(frame.columns) + 1) + "|",
        ]
        lines += [f"| {_label(key)} | " + " | ".join(_text(value) for value in row) + " |" for key, row in frame.iterrows()]
    return "\n".join(lines) + "\n"


def _label(key: object) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return str(value)
    return "–" if np.isnan(value) else f"{value:.3f}"


if __name__ == "__main__":
    run(app)
