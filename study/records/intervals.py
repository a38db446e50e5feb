"""Honest statistics of studies: medians with intervals, what explains the spread, how much winners shrink.

The objective explains about a third of the variance of disentanglement scores, and the random seed much of the rest (Locatello et
al. 2019, §5.4), so a value is a median over seeds with an interval, and one run is called n = 1.  Tables are tidy: one row a
trained model, one column a quantity.  Rows without a value (a failed seed) are left out and lower n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.errors import UserError
from study.metrics import Direction

__all__ = ["Interval", "Shrinkage", "median_interval", "shrinkage"]

RESAMPLES = 2_000


class Interval(NamedTuple):
    """A median of n values with its bootstrap interval; with n = 1, low and high are NaN: nothing is known of the spread."""

    median: float
    low: float
    high: float
    n: int


class Shrinkage(NamedTuple):
    """What fresh seeds say of a winner: `loss` > 0 is how much worse it is than the search thought, in the metric's unit."""

    searched: float
    confirmed: Interval
    loss: float


def median_interval(values: Sequence[float] | NDArray[np.floating], level: float = 0.95, seed: int = 0) -> Interval:
    """The median and its percentile-bootstrap interval (Efron 1979).

    With few values the interval is rough and cannot reach beyond the smallest and the largest of them.

    >>> median_interval([0.2, 0.1, 0.4])
    Interval(median=0.2, low=0.1, high=0.4, n=3)

    Raises `UserError` for no values or values that are not finite.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or len(data) == 0 or not np.isfinite(data).all():
        raise UserError(f"a median needs one finite value or more, but got {data.tolist()}")
    middle = float(np.median(data))
    if len(data) == 1:
        return Interval(middle, np.nan, np.nan, 1)
    found = stats.bootstrap(
        (data,), np.median, n_resamples=RESAMPLES, confidence_level=level, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = found.confidence_interval
    return Interval(middle, float(low), float(high), len(data))


def shrinkage(searched: float, fresh: Sequence[float], direction: Direction) -> Shrinkage:
    """How much a winner shrinks when it is trained again with fresh seeds.

    The best of many noisy values is too good on average (the winner's curse), so the search's own value is biased.

    >>> shrinkage(0.5, [0.3, 0.35, 0.4], "maximize").loss
    0.15
    """
    confirmed = median_interval(fresh)
    sign = 1 if direction == "maximize" else -1
    return Shrinkage(searched, confirmed, round(sign * (searched - confirmed.median), 12))
