"""The Pareto front of several metrics, and the one model to take when nobody says which.

A trial is on the front when no other is at least as good in every metric and better in one.  The ideal point has the best
value of every metric on the front; after scaling the front to [0, 1] in each metric, the trial nearest to it is the
compromise (the "knee" that most people would pick by eye).  A few rows that stand for a long front are the compromise, the
best of every metric, and then always the one farthest from those taken (Gonzalez 1985, Theor. Comput. Sci. 38:293).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["nearest_ideal", "pareto_front", "representatives"]


def _costs(values: ArrayLike, directions: Sequence[str]) -> NDArray[np.float64]:
    """Values as costs: lower is better in every column."""
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    costs: NDArray[np.float64] = np.atleast_2d(np.asarray(values, dtype=float)) * signs
    return costs


def pareto_front(values: ArrayLike, directions: Sequence[str]) -> list[int]:
    """Rows of `values` (n, metrics) on the front, best first metric first; rows with a NaN never are.

    >>> pareto_front([[60, 0.1], [80, 0.3], [90, 0.2]], ["minimize", "maximize"])
    [0, 1]
    """
    costs = _costs(values, directions)
    finite = np.flatnonzero(np.isfinite(costs).all(axis=1)) if costs.size else np.array([], dtype=int)
    order = finite[np.lexsort(costs[finite].T[::-1])]  # whatever dominates a row stands before it
    kept = np.empty_like(costs[order])
    front: list[int] = []
    for index in order:
        if not _dominated(costs[index], kept[: len(front)]):
            kept[len(front)] = costs[index]
            front.append(int(index))
    return front


def nearest_ideal(values: ArrayLike, directions: Sequence[str]) -> int:
    """Which row of the front `values` (n ≥ 1, metrics) lies nearest the ideal point after scaling each metric to [0, 1].

    Of rows that are equally near, the first.

    >>> nearest_ideal([[60, 0.0], [70, 0.28], [90, 0.3]], ["minimize", "maximize"])
    1
    """
    scaled = _scaled(values, directions)
    return int(np.argmin(np.square(scaled).sum(axis=1).round(9)))  # a tie must not be decided by rounding


def representatives(values: ArrayLike, directions: Sequence[str], count: int) -> list[int]:
    """At most `count` rows of the front `values` (n, metrics) that stand for all of it, in the front's order.

    >>> representatives([[60, 0.0], [61, 0.01], [62, 0.02], [70, 0.28], [90, 0.3]], ["minimize", "maximize"], 3)
    [0, 3, 4]
    """
    scaled = _scaled(values, directions)
    if len(scaled) <= count:
        return list(range(len(scaled)))
    wanted = [nearest_ideal(values, directions), *map(int, scaled.argmin(axis=0))]
    chosen = list(dict.fromkeys(wanted))[:count]
    while len(chosen) < count:
        apart = np.abs(scaled[:, None] - scaled[chosen]).sum(axis=2).min(axis=1)
        apart[chosen] = -1.0  # of equal rows each is taken once
        chosen.append(int(apart.argmax()))
    return sorted(chosen)


def _scaled(values: ArrayLike, directions: Sequence[str]) -> NDArray[np.float64]:
    """Costs from 0, the best of the front, to 1, its worst, in every metric."""
    costs = _costs(values, directions)
    low, high = costs.min(axis=0), costs.max(axis=0)
    scaled: NDArray[np.float64] = (costs - low) / np.where(high > low, high - low, 1.0)
    return scaled


def _dominated(row: NDArray[np.float64], front: NDArray[np.float64]) -> bool:
    """Whether a row of a front that is sorted by its first cost dominates this one, which comes after them all.

    Of two costs, the last row of the front has the lowest second one (or equals the row that has).
    """
    rows = front[-1:] if front.shape[1] == 2 else front
    return bool(((rows <= row).all(axis=1) & (rows < row).any(axis=1)).any())
