"""The front of a finished study on the terminal: a table, or two lines a model where that does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from study.records.folder import StudyFolder
from study.records.winners import candidates

if TYPE_CHECKING:
    import pandas as pd

    from registry.version import Version

__all__ = ["show_front"]

WIDE = 120  # columns
ARROWS = {"minimize": "↓", "maximize": "↑"}
KNOBS = ("objective", "architecture", "latent_dim", "learning_rate")


def show_front(folder: StudyFolder, front: pd.DataFrame, versions: Mapping[int, Version], console: Console) -> None:
    """front: rows of the trials' table, best first metric first; versions: what was published of them, by trial."""
    record = folder.record
    seeds = "n = 1 seed" if record.replicates == 1 else f"medians of n = {record.replicates} seeds"
    title = (
        f"Pareto front of {len(candidates(folder))} usable trials · {record.dataset['name']} ({record.dataset['source']}) · "
        f"{record.budget.steps:,} steps · {seeds} · validation images"
    )
    knobs = [column for column in KNOBS if column in front.columns]
    also = [metric for metric in record.also if metric in front.columns and metric not in record.metrics]
    named = [f"{metric} {ARROWS[way]}" for metric, way in zip(record.metrics, record.directions, strict=True)]
    rows = [row for _, row in front.iterrows()]
    published = {trial: f"{version.name} version {version.number}" for trial, version in versions.items()}
    where = [published.get(int(row["trial"]), "–") for row in rows]
    if console.width < WIDE:
        console.print(title, style="bold")
        for row, place in zip(rows, where, strict=True):
            searched = "  ".join(f"{name} {_number(row[key])}" for name, key in zip(named, record.metrics, strict=True))
            console.print(f"trial {int(row['trial'])}  {searched}  → {place}")
            console.print("  " + " · ".join([_knobs(row, knobs), *(f"{key} {_number(row[key])}" for key in also[:1])]))
        return
    table = Table(title=title, box=None, header_style="bold", title_justify="left")
    for column in ("trial", *named, *also):
        table.add_column(column, justify="right")
    for column in (*knobs, "registry"):
        table.add_column(column)
    for row, place in zip(rows, where, strict=True):
        values = (_number(row[key]) for key in (*record.metrics, *also))
        table.add_row(str(int(row["trial"])), *values, *(_knob(row[knob]) for knob in knobs), place)
    console.print(table)


def _knobs(row: pd.Series, knobs: Sequence[str]) -> str:
    """What was searched in words: `beta_vae burgess, latent_dim 10, learning_rate 0.001`."""
    plain = [_knob(row[knob]) for knob in knobs if isinstance(row[knob], str)]
    return ", ".join([" ".join(plain), *(f"{knob} {_knob(row[knob])}" for knob in knobs if not isinstance(row[knob], str))])


def _knob(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:.3g}"
