"""Kinds of model compared at equal KL: what decaying γ buys is only visible where both pay the same information.

A model that spends more KL reconstructs better, whatever its objective.  So each trial of one kind is matched with the trials of
another whose KL is within a caliper (Cochran & Rubin 1973, Sankhyā A 35:417),

    |ln KL_a − ln KL_b| ≤ ln(1 + caliper)        difference = value_a − median of the matched values_b

and the median difference is given with its bootstrap interval over the matched trials; below six of them that is no more than
their range, and is called so.  Other knobs (architecture, learning rate)
are not matched; the search varied them for both.  Trials without a match are counted, not guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.tables.load import groups
from analysis.tables.names import find_metric, metric_name, number, ordered
from study.records.intervals import median_interval

__all__ = ["CALIPER", "LEAST_CLEAR", "equal_kl_table", "matched_differences", "verdicts"]

CALIPER = 0.15  # the KL of matched trials differs by at most 15 %
LEAST_CLEAR = 6
"""Differences below which no interval can leave out zero at 95 %: n of one sign happen by chance in 2·½ⁿ of cases."""
COLUMNS = ("a", "b", "metric", "median", "low", "high", "n", "unmatched")


def matched_differences(a: pd.DataFrame, b: pd.DataFrame, metric: str, caliper: float = CALIPER) -> list[float]:
    """metric(a) − median metric(matched b) for every row of `a` that has a match in `b`; both have `kl` (nats) > 0."""
    logs = np.log(b["kl"].to_numpy(dtype=float))
    values = b[metric].to_numpy(dtype=float)
    found = []
    for kl, value in a[["kl", metric]].to_numpy(dtype=float):
        near = np.abs(logs - np.log(kl)) <= np.log1p(caliper)
        if near.any():
            found.append(float(value - np.median(values[near])))
    return found


def equal_kl_table(trials: pd.DataFrame, metrics: Sequence[str], caliper: float = CALIPER) -> pd.DataFrame:
    """One row for each pair of kinds (a, b) and metric: median of a − b at equal KL, its 95 % interval, n matched trials of a.

    Pairs are formed within one setting only.  A pair without any match has n = 0 and no numbers; with n = 1 low and high are NaN.
    """
    rows = []
    for metric in metrics:
        if not {"kl", metric} <= set(trials.columns):
            continue
        usable = trials[trials["usable"] & (trials["kl"] > 0)].dropna(subset=[metric])
        kinds = ordered(usable["variant"])
        rows += [_pair(usable, a, b, metric, caliper) for b, a in itertools.combinations(kinds, 2)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pair(usable: pd.DataFrame, a: str, b: str, metric: str, caliper: float) -> dict[str, object]:
    differences: list[float] = []
    for _, group in groups(usable, "setting"):
        ours, theirs = (group[group["variant"] == kind] for kind in (a, b))
        differences += matched_differences(ours, theirs, metric, caliper)
    row = {"a": a, "b": b, "metric": metric, "median": np.nan, "low": np.nan, "high": np.nan, "n": len(differences)}
    if differences:
        row |= median_interval(differences)._asdict()
    return row | {"unmatched": int((usable["variant"] == a).sum()) - len(differences)}


def verdicts(table: pd.DataFrame) -> list[str]:
    """In words: what γ decay does at equal KL, first against constant γ, then against β; one sentence a pair and metric."""
    rows = [row for row in table.to_dict("records") if row["a"] == "capacity, γ decay"]
    return [_verdict(row) for row in sorted(rows, key=lambda row: not str(row["b"]).startswith("capacity"))]


def _verdict(row: dict[Hashable, Any]) -> str:
    metric = find_metric(row["metric"])
    assert metric is not None, row["metric"]
    pair = f"γ decay against {str(row['b']).removeprefix('capacity, ')}, {metric_name(row['metric'])}"
    if row["n"] == 0:
        return f"{pair}: no two trials have the same KL, so this study says nothing about it."
    unit = f" {metric.unit}" if metric.unit else ""
    gains = (row["median"] < 0) == (metric.direction == "minimize")
    told = f"{pair}: {number(abs(row['median']))}{unit} {'better' if gains else 'worse'} (median of n = {row['n']} matched trials"
    if row["n"] == 1:
        return f"{told}); one difference decides nothing."
    if row["n"] < LEAST_CLEAR:
        return (
            f"{told}, from {number(row['low'])} to {number(row['high'])}); fewer than {LEAST_CLEAR} differences decide nothing."
        )
    clear = row["low"] > 0 or row["high"] < 0
    ends = f"95 % interval of the difference {number(row['low'])} to {number(row['high'])}"
    return f"{told}; {ends}, {'which leaves out' if clear else 'which includes'} zero)."
