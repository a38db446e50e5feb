"""What was searched, how the trials ended, how the search went on."""

from __future__ import annotations

import pandas as pd

from analysis.figures.hypervolume_curve import hypervolume_curve, hypervolume_table
from analysis.reporting.parts import FEW, Picture, Section, Table, picture
from analysis.tables.caveats import seeds_text
from analysis.tables.load import Studies, knobs
from analysis.tables.names import ARROWS, knob_label, metric_name, number
from study.records.outcome import ENDED

__all__ = ["searched"]


def searched(studies: Studies, keys: tuple[str, str] | None) -> Section:
    """The space, the knobs with the values that were tried, and how the trials ended."""
    (record,) = studies.records.values()
    goals = ", ".join(f"{metric_name(k)} {ARROWS[d]}" for k, d in zip(record.metrics, record.directions, strict=True))
    parts = ", ".join(f"{size:,} {part}" for part, size in record.dataset.get("parts", {}).items())
    lead = [
        f"Space {record.space} on {record.dataset['name']} ({record.dataset['source']}; {parts} images). Searched: {goals}. "
        f"Sampler {record.sampler}, scheduler {record.scheduler}, seed {record.seed}; {record.trials} trials of "
        f"{record.budget.steps:,} steps, {seeds_text(record.replicates)}; metrics on {record.budget.points:,} validation images.",
    ]
    tables = [_outcomes(studies.trials), _knob_table(studies.trials)]
    pictures = [_growth(studies, keys)] if keys and len(studies.usable) >= FEW else []
    return Section("What was searched", lead, pictures=pictures, tables=tables)


def _growth(studies: Studies, keys: tuple[str, str]) -> Picture:
    """How the front grew, and whether the second half of the search still found something."""
    shares = hypervolume_table(studies.trials, *keys)["share"].to_numpy(dtype=float)
    before = shares[len(shares) // 2 - 1]
    told = "The second half of the trials added nothing to the area that they dominate."
    if before < 1:
        told = f"The second half of the trials added {1 - before:.0%} of the area that they dominate."
    return picture(lambda ax: hypervolume_curve(studies.trials, *keys, ax=ax), told, size=(6, 3))


def _outcomes(trials: pd.DataFrame) -> Table:
    rows = []
    for status, group in trials.groupby("status", sort=False):
        reasons = list(dict.fromkeys(str(reason) for reason in group["reason"] if reason))
        told = "; ".join(reasons[:2]) + ("; …" if len(reasons) > 2 else "")
        rows.append([str(status) + ("" if status in ENDED else " (not ended)"), str(len(group)), told])
    return Table("How the trials ended", ["status", "trials", "reason"], rows, left=("status", "reason"))


def _knob_table(trials: pd.DataFrame) -> Table:
    rows = []
    for knob in knobs(trials):
        values = trials[knob].dropna()
        if pd.api.types.is_numeric_dtype(values):
            tried = f"{number(float(values.min()))} … {number(float(values.max()))}"
        else:
            tried = ", ".join(f"{value} ({count})" for value, count in values.value_counts().items())
        rows.append([knob_label(knob), knob, tried, str(len(values))])
    return Table("The knobs", ["knob", "column", "tried", "in trials"], rows, left=("knob", "column", "tried"))
