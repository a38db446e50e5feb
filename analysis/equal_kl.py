"""Kinds of model compared at equal KL: what decaying γ buys is only visible where both pay the same information.

A model that spends more KL reconstructs better, whatever its objective.  So each trial of one kind is matched with the trials of
another whose KL is within a caliper (Cochran & Rubin 1973, Sankhyā A 35:417),

    |ln KL_a − ln KL_b| ≤ ln(1 + caliper)        difference = value_a − median of the matched values_b

and the median difference is given with its bootstrap interval over the matched trials.  Other knobs (architecture, learning rate)
are not matched; the search varied them for both.  Trials without a match are counted, not guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.load import groups
from analysis.names import ordered
from study.statistics import median_interval

__all__ = ["CALIPER", "equal_kl_table", "matched_differences"]

CALIPER = 0.15  # the KL of matched trials differs by at most 15 %
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
        usable = trials[trials["usable"]].dropna(subset=["kl", metric]) if {"kl", metric} <= set(trials.columns) else trials[:0]
        usable = usable[usable["kl"] > 0]
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
