"""Trials that are equal but for one knob, and what that knob changes among them.

A grid (`--sampler list`) holds such trials; their differences need no model of the other knobs.  Seeds (studies of the same grid
with another `--seed`) are first reduced to the setting's median, since they are no new settings; then

    median      of the settings' differences, with its bootstrap interval over settings
    better      in how many settings the second value is better
    p           of the two-sided sign test (Dixon & Mood 1946, JASA 41:557): how often a coin does so well or badly
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from analysis.tables.load import Studies, knobs
from analysis.tables.names import find_metric, number
from models.errors import UserError
from study.records.intervals import median_interval

__all__ = ["chosen_knob", "knob_values", "matched_settings", "matched_table"]

COLUMNS = ("metric", "from", "to", "median", "low", "high", "better", "settings", "pairs", "p")


def matched_settings(trials: pd.DataFrame, knob: str, metric: str) -> pd.DataFrame:
    """One row a setting of the other knobs that has the metric at two or more values of `knob`; a column a value of the knob.

    Values are medians over the trials of a setting (its seeds); the column `pairs` is the fewest trials at one of its values.
    """
    if not {knob, metric} <= set(trials.columns):
        return pd.DataFrame()
    others = [other for other in knobs(trials) if other != knob]
    rows = trials.dropna(subset=[knob, metric])
    named = others if rows["terms"].nunique() == 1 else ["terms", *others]
    keys = list(rows[named].itertuples(index=False, name=None))
    labels = {str(key): " · ".join(map(number, key)) for key in keys}  # rounded for people, whole for matching
    cells = rows.assign(key=[str(key) for key in keys])
    wide = cells.pivot_table(index="key", columns=knob, values=metric, aggfunc="median")
    counts = cells.pivot_table(index="key", columns=knob, values=metric, aggfunc="count")
    whole = wide.notna().sum(axis=1) >= 2
    return wide[whole].assign(pairs=counts[whole].min(axis=1).astype(int)).rename(index=labels)


def matched_table(settings: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """settings: of `matched_settings`, by metric.  One row a metric and pair of the knob's values."""
    rows = [
        _row(metric, wide, low, high)
        for metric, wide in settings.items()
        for low, high in itertools.combinations(knob_values(wide), 2)
        if wide[[low, high]].notna().all(axis=1).any()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(metric: str, wide: pd.DataFrame, low: Any, high: Any) -> dict[str, Any]:
    """From the knob's value `low` to `high`, over the settings that have both."""
    both = wide.dropna(subset=[low, high])
    change = (both[high] - both[low]).to_numpy(dtype=np.float64)
    declared = find_metric(metric)
    falls = declared is not None and declared.direction == "minimize"
    better, moved = int((change < 0).sum() if falls else (change > 0).sum()), int((change != 0).sum())
    span = median_interval(change)
    p = binomtest(better, moved).pvalue if moved else 1.0
    found = {"metric": metric, "from": low, "to": high, "median": span.median, "low": span.low, "high": span.high}
    return found | {"better": better, "settings": len(change), "pairs": int(both["pairs"].sum()), "p": float(p)}


def knob_values(wide: pd.DataFrame) -> list[Any]:
    return [column for column in wide.columns if column != "pairs"]


def chosen_knob(studies: Studies, asked: str | None) -> str:
    """`asked`, checked.  Raises `UserError` for a knob that did not vary, with those that did."""
    varied = knobs(studies.usable)
    if asked is None or asked not in varied:
        raise UserError(f"--knob must be one that varied ({', '.join(varied) or 'none did'}), but got {asked}")
    return asked
