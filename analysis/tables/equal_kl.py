"""Kinds of model compared at equal KL: what decaying γ buys is only visible where both pay the same information.

A model that spends more KL reconstructs better, whatever its objective.  So trials of one kind are paired with trials of another
whose KL is within a caliper (Cochran & Rubin 1973, Sankhyā A 35:417), each trial in one pair at most, as many pairs as there can
be and then those nearest in KL (optimal matching, Rosenbaum 1989, JASA 84:1024),

    |ln KL_a − ln KL_b| ≤ ln(1 + caliper)        difference = value_a − value_b − (g(ln KL_a) − g(ln KL_b))

g, a cubic of ln KL fitted within the kinds and over the pairs, takes out what is left of the difference in KL (Abadie & Imbens
2011, Journal of Business & Economic Statistics 29:1).  Since no trial is in two pairs, the pairs are independent, and the
median difference has the interval of `study.records.intervals`: below six of them no more than their range, and called so.

Equal kinds are called different in 5 % of cases or fewer (`tests/benchmarks/test_coverage.py`).  Two other ways do not keep their
word: comparing each trial with all its neighbours uses trials again and again (14 to 23 %), and with a straight line for g all
pairs of a region err to one side where the value bends over ln KL (11 % of 100 trials a kind, 17 % where seeds differ little).

KL is *post-treatment*: the objective makes it.  Holding it equal says how two kinds compare where they happen to pay the same,
and not what changing the objective does; other knobs (architecture, learning rate) are not held equal either.  Only paired arms
(`python -m analysis.matched`) say what a knob does.  Trials without a partner are counted, not guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from analysis.tables.load import groups
from analysis.tables.names import find_metric, metric_name, number, ordered
from study.records.intervals import LEAST_CLEAR, median_interval

__all__ = ["CALIPER", "POST_TREATMENT", "equal_kl_table", "matched_differences", "verdicts"]

DEGREE, PAIRS_A_POWER = 3, 4
CALIPER = 0.15  # the KL of matched trials differs by at most 15 %
POST_TREATMENT = (
    "KL is made by the objective (post-treatment), and the search chose the other knobs: this compares models that happen to pay "
    "the same, and does not say what changing the objective does. Paired arms do (python -m analysis.matched)."
)
Floats = NDArray[np.float64]
COLUMNS = ("a", "b", "metric", "median", "low", "high", "n", "unmatched")


def matched_differences(a: pd.DataFrame, b: pd.DataFrame, metric: str, caliper: float = CALIPER) -> list[float]:
    """metric(a) − metric(b) of every pair, at equal KL; both have `kl` (nats) > 0.

    >>> a, b = pd.DataFrame({"kl": [10.0], "recon": [5.0]}), pd.DataFrame({"kl": [10.0, 20.0], "recon": [6.0, 1.0]})
    >>> matched_differences(a, b, "recon")
    [-1.0]
    """
    ours, theirs = (np.log(rows["kl"].to_numpy(dtype=float)) for rows in (a, b))
    apart = ours[:, None] - theirs
    near = np.abs(apart) <= np.log1p(caliper)
    # A pair outside the caliper costs more than all pairs inside together: first as many as there can be, then the nearest.
    first, second = linear_sum_assignment(np.where(near, np.abs(apart), (1 + len(ours)) * np.log1p(caliper)))
    first, second = (rows[near[first, second]] for rows in (first, second))
    left, right = a[metric].to_numpy(dtype=float)[first], b[metric].to_numpy(dtype=float)[second]
    trend = _trend(((ours[first], left), (theirs[second], right)))
    return [float(d) for d in left - right - (trend(ours[first]) - trend(theirs[second]))]


def _trend(kinds: Sequence[tuple[Floats, Floats]]) -> Callable[[Floats], Floats]:
    """g of value over ln KL, within the kinds: least squares with an intercept for each; 0 where KL does not vary.

    Of degree 3 from twelve pairs on, of fewer a straighter one.
    """
    count = len(kinds[0][0])
    powers = np.arange(1, 1 + min(DEGREE, max(1, count // PAIRS_A_POWER)))
    middle = np.mean([x.mean() for x, _ in kinds]) if count else 0.0

    def curve(x: Floats) -> Floats:
        return np.asarray((x[:, None] - middle) ** powers)

    columns = np.concatenate([curve(x) - curve(x).mean(axis=0) for x, _ in kinds if len(x)] or [np.empty((0, len(powers)))])
    values = np.concatenate([y - y.mean() for _, y in kinds if len(y)] or [np.empty(0)])
    weights = np.linalg.lstsq(columns, values, rcond=1e-9)[0]  # 0 for what does not vary
    return lambda x: curve(x) @ weights


def equal_kl_table(trials: pd.DataFrame, metrics: Sequence[str], caliper: float = CALIPER) -> pd.DataFrame:
    """One row for each pair of kinds (a, b) and metric: median of a − b at equal KL, its interval or range, n pairs.

    Pairs are formed on equal terms (data and budget) only.  Without any match n = 0 and there are no numbers; with n = 1 low and
    high are NaN.
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
    for _, group in groups(usable, "terms"):
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
    told = f"{pair}: {number(abs(row['median']))}{unit} {'better' if gains else 'worse'} (median of n = {row['n']} pairs"
    if row["n"] == 1:
        return f"{told}); one difference decides nothing."
    if row["n"] < LEAST_CLEAR:
        return (
            f"{told}, from {number(row['low'])} to {number(row['high'])}); fewer than {LEAST_CLEAR} differences decide nothing."
        )
    clear = row["low"] > 0 or row["high"] < 0
    ends = f"95 % interval of the difference {number(row['low'])} to {number(row['high'])}"
    return f"{told}; {ends}, {'which leaves out' if clear else 'which includes'} zero)."
