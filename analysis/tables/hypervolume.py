"""How much of the plane of two metrics a set of trials dominates: one number for a whole Pareto front.

    HV(S, r) = area of ∪_{s ∈ S} [s, r]     both metrics as costs, r a reference point worse than all of interest

(Zitzler & Thiele 1998).  It grows when the front moves or fills up and never falls, so over the trials of a study it shows
whether the search still finds something.  Its unit is the product of the metrics' units; only equal references compare.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.records.pareto import pareto_front

__all__ = ["hypervolume", "hypervolume_over_trials", "worst_point"]


def hypervolume(values: ArrayLike, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Area that `values` (n, 2) dominate within `reference` (2,).  Rows with NaN, or worse than the reference, add nothing.

    >>> hypervolume([[1, 3], [2, 1]], ["minimize", "minimize"], [4, 4])
    7.0
    """
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    costs = np.asarray(values, dtype=float).reshape(-1, 2) * signs
    edge = np.asarray(reference, dtype=float) * signs
    inside = costs[np.isfinite(costs).all(axis=1) & (costs < edge).all(axis=1)]
    area, above = 0.0, float(edge[1])
    for row in pareto_front(inside, ["minimize", "minimize"]) if len(inside) else []:  # by the first cost, ascending
        first, second = inside[row]
        area += float((edge[0] - first) * (above - second))
        above = float(second)
    return area


def hypervolume_over_trials(values: ArrayLike, directions: Sequence[str], reference: Sequence[float]) -> NDArray[np.float64]:
    """The hypervolume after each trial, (n,), of values (n, 2) in the order the trials ended."""
    rows = np.asarray(values, dtype=float).reshape(-1, 2)
    return np.array([hypervolume(rows[: count + 1], directions, reference) for count in range(len(rows))])


def worst_point(values: ArrayLike, directions: Sequence[str]) -> list[float]:
    """The worst finite value of each metric: a reference that leaves no usable trial out.

    >>> worst_point([[100, 0.1], [130, 0.2]], ["minimize", "maximize"])
    [130.0, 0.1]
    """
    rows = np.asarray(values, dtype=float).reshape(-1, 2)
    worst = {"minimize": np.nanmax, "maximize": np.nanmin}
    return [float(worst[direction](rows[:, column])) for column, direction in enumerate(directions)]
