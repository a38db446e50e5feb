"""How much of the plane of two metrics a set of trials dominates: one number for a whole Pareto front.

    HV(S, r) = area of ∪_{s ∈ S} [s, r]     both metrics as costs, r a reference point worse than all of interest

(Zitzler & Thiele 1998).  It grows when the front moves or fills up and never falls, so over the trials of a study it shows
whether the search still finds something.  Its unit is the product of the metrics' units; only equal references compare, so the
reference is fixed, the same for every study of a data set: the worst end of a metric's range where it has one (MIG: 0), and where
it has none what a model without information reconstructs, the mean image's nats.  Data sets whose mean image is not known here
have the worst usable value of the study, and their hypervolumes compare with nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.tables.names import find_metric
from study.records.pareto import pareto_front

MEAN_IMAGE = {"dsprites": 566.0}
"""Bernoulli NLL of the mean training image, nats per image, by data set."""

__all__ = ["hypervolume", "hypervolume_over_trials", "reference_point"]


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


def reference_point(values: ArrayLike, keys: Sequence[str], dataset: str | None = None) -> tuple[list[float], bool]:
    """The reference of these two metrics on a data set, and whether it is fixed rather than the worst of `values` (n, 2).

    >>> reference_point([[100, 0.1], [130, 0.2]], ["recon", "mig"], "dsprites")
    ([566.0, 0.0], True)
    >>> reference_point([[100, 0.1], [130, 0.2]], ["recon", "mig"], "my pictures")
    ([130.0, 0.0], False)
    """
    rows = np.asarray(values, dtype=float).reshape(-1, 2)
    fixed = [_fixed(key, dataset) for key in keys]
    return [_worst(rows[:, at], key) if end is None else end for at, (key, end) in enumerate(zip(keys, fixed, strict=True))], (
        None not in fixed
    )


def _fixed(key: str, dataset: str | None) -> float | None:
    metric = find_metric(key)
    assert metric is not None, key
    end = metric.range[0] if metric.direction == "maximize" else metric.range[1]
    if np.isfinite(end):
        return float(end)
    return MEAN_IMAGE.get(dataset or "") if key in ("recon", "negative_elbo") else None


def _worst(column: NDArray[np.float64], key: str) -> float:
    metric = find_metric(key)
    return float(np.nanmin(column) if metric is not None and metric.direction == "maximize" else np.nanmax(column))
