"""The mean of paired differences, blocked by setting: a t interval, its p-value, and what it could have detected.

Setting s has n_s differences with mean d̄_s and variance v_s (over seeds).  What the knob does *in these settings* is

    d̄ = mean of d̄_s        SE² = Σ v_s / n_s / S²        t of Satterthwaite's degrees of freedom (1946)

so that settings which differ in level, or in how much the knob does there, add nothing to the error.  Where every setting has
one difference only, settings are the sample: t over the d̄_s, S − 1 degrees of freedom.  That interval, for *other settings like
these*, is given as well wherever there are two settings; it is wider where the knob does different things in different ones.

    power       of the two-sided 5 % test if the truth were d̄: non-central t
    detectable  the difference that the test would have found in 80 of 100 such experiments
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from study.records.intervals import mean_interval

__all__ = ["Effect", "blocked_effect", "power_of"]

POWER = 0.8


class Effect(NamedTuple):
    """low, high: 95 % interval in these settings; low_like, high_like: in others like them.  NaN where nothing can be said."""

    mean: float
    low: float
    high: float
    p: float
    power: float
    detectable: float
    low_like: float
    high_like: float


def blocked_effect(differences: Sequence[NDArray[np.float64]]) -> Effect:
    """differences: one array (n_s,) a setting, none empty.

    >>> found = blocked_effect([np.array([1.0, 2.0]), np.array([5.0, 6.0])])
    >>> found.mean, round(found.low, 2), round(found.high, 2), found.p < 0.05, round(found.low_like, 1)
    (3.5, 1.98, 5.02, True, -21.9)
    """
    means = np.array([each.mean() for each in differences])
    mean, like = float(means.mean()), mean_interval(means)
    error, freedom = _error(differences)
    if not freedom > 0:
        error, freedom = (like.high - mean) / stats.t.ppf(0.975, max(len(means) - 1, 1)), len(means) - 1
    if not freedom > 0:
        return Effect(mean, *[np.nan] * 7)
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)
    ncp = optimize.brentq(lambda size: power_of(size, freedom) - POWER, 0.1, 1e4)
    power = power_of(abs(mean) / error, freedom) if error > 0 else float(mean != 0)
    return Effect(mean, mean - reach, mean + reach, p, power, float(ncp) * error, like.low, like.high)


def power_of(size: float, freedom: float) -> float:
    """Power of the two-sided 5 % t test where the truth is `size` standard errors from zero.

    >>> round(power_of(0.0, 10), 3), round(power_of(3.0, 1e6), 2)
    (0.05, 0.85)
    """
    edge = stats.t.ppf(0.975, freedom)
    found = stats.nct.sf(edge, freedom, size) + stats.nct.cdf(-edge, freedom, size)
    return float(np.clip(np.nan_to_num(found, nan=1.0), 0, 1))


def _error(differences: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Standard error of the mean of the settings' means, and its degrees of freedom; NaN where no setting has two differences.

    Where a setting has one difference only, all are given their pooled variance.
    """
    counts = np.array([len(each) for each in differences])
    spare = counts - 1
    if not spare.any():
        return np.nan, np.nan
    squares = np.array([((each - each.mean()) ** 2).sum() for each in differences])
    if spare.all():
        parts = squares / spare / counts
        known = float((parts**2 / spare).sum())
        freedom = float(parts.sum() ** 2 / known) if known > 0 else float(spare.sum())
    else:
        parts, freedom = squares.sum() / spare.sum() / counts, float(spare.sum())
    return float(np.sqrt(parts.sum())) / len(counts), freedom
