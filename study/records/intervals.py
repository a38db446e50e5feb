"""Honest statistics of a few values: medians and means with intervals, how much winners shrink.

The objective explains about a third of the variance of disentanglement scores, and the random seed much of the rest (Locatello et
al. 2019, §5.4), so a value is a median over seeds with an interval, and one run is called n = 1.

    median    order statistics x₍ₖ₎ … x₍ₙ₊₁₋ₖ₎, k the 2.5 % quantile of Binomial(n, ½): at least 95 % of them hold the median,
              whatever the distribution.  Five values or fewer have no such k: what is given then is their range, and called so
              (a bootstrap of three values covers 76 % where it says 95 %).
    mean      t interval x̄ ± t₀.₉₇₅ · s / √n; of two values or more
    share     Clopper & Pearson's interval (1934, Biometrika 26:404): at least 95 %, whatever the share

`tests/benchmarks/test_coverage.py` measures what each of them covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.errors import UserError
from study.metrics import Direction

__all__ = [
    "LEAST_CLEAR",
    "Interval",
    "Mean",
    "Shrinkage",
    "mean_interval",
    "median_interval",
    "share_interval",
    "shrinkage",
    "span_name",
]

LEAST_CLEAR = 6
"""Values below which order statistics cannot hold the median at 95 %: all n lie on one side of it in 2·½ⁿ of cases."""


class Interval(NamedTuple):
    """A median of n values with its 95 % interval, or their range where n < 6; with n = 1, low and high are NaN."""

    median: float
    low: float
    high: float
    n: int

    @property
    def means(self) -> str:
        """What low and high are.

        >>> median_interval([0.2, 0.1, 0.4]).means
        'range of 3'
        """
        return span_name(self.n)


class Mean(NamedTuple):
    """A mean of n values with its 95 % t interval; with n = 1, low and high are NaN."""

    mean: float
    low: float
    high: float
    n: int


class Shrinkage(NamedTuple):
    """What fresh seeds say of a winner: `loss` > 0 is how much worse it is than the search thought, in the metric's unit."""

    searched: float
    confirmed: Interval
    loss: float


def span_name(n: int) -> str:
    """What the ends beside a median of n values are.

    >>> [span_name(n) for n in (1, 5, 6)]
    ['one value', 'range of 5', '95 % interval']
    """
    return "one value" if n == 1 else f"range of {n}" if n < LEAST_CLEAR else "95 % interval"


def median_interval(values: Sequence[float] | NDArray[np.floating], level: float = 0.95) -> Interval:
    """The median with the order statistics that hold it at `level`; the range where there are too few values for any.

    >>> median_interval([0.2, 0.1, 0.4])
    Interval(median=0.2, low=0.1, high=0.4, n=3)

    Raises `UserError` for no values or values that are not finite.
    """
    data = np.sort(_checked(values))
    n = len(data)
    if n == 1:
        return Interval(float(data[0]), np.nan, np.nan, 1)
    outside = max(0, int(stats.binom.ppf((1 - level) / 2, n, 0.5)) - 1)
    return Interval(float(np.median(data)), float(data[outside]), float(data[n - 1 - outside]), n)


def mean_interval(values: Sequence[float] | NDArray[np.floating], level: float = 0.95) -> Mean:
    """The mean with its t interval (Student 1908).

    >>> mean_interval([1.0, 2.0, 3.0]).high.__round__(2)
    4.48

    Raises `UserError` for no values or values that are not finite.
    """
    data = _checked(values)
    middle, n = float(data.mean()), len(data)
    if n == 1:
        return Mean(middle, np.nan, np.nan, 1)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1) * data.std(ddof=1) / np.sqrt(n))
    return Mean(middle, middle - reach, middle + reach, n)


def share_interval(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Low and high of the share of which `count` of `n` were seen.

    >>> [round(end, 2) for end in share_interval(0, 5)]
    [0.0, 0.52]
    """
    low, high = stats.binomtest(count, n).proportion_ci(level, method="exact")
    return float(low), float(high)


def shrinkage(searched: float, fresh: Sequence[float] | NDArray[np.floating], direction: Direction) -> Shrinkage:
    """How much a winner shrinks when it is trained again with fresh seeds.

    The best of many noisy values is too good on average (the winner's curse), so the search's own value is biased.

    >>> shrinkage(0.5, [0.3, 0.35, 0.4], "maximize").loss
    0.15
    """
    confirmed = median_interval(fresh)
    sign = 1 if direction == "maximize" else -1
    return Shrinkage(searched, confirmed, round(sign * (searched - confirmed.median), 12))


def _checked(values: Sequence[float] | NDArray[np.floating]) -> NDArray[np.float64]:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or len(data) == 0 or not np.isfinite(data).all():
        raise UserError(f"a median or mean needs one finite value or more, but got {data.tolist()}")
    return data
