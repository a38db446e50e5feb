"""Intervals and comparisons: a paired hierarchical bootstrap over models, then batches.

Values are arranged (S, C, I): S models (seeds of one configuration), C cells, I batches a cell, the same batches for every
model and method.  A resample draws S models, then for each of them I batches of every cell, and takes the mean.  With one
model only the batches are resampled, and the interval says nothing about other seeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap", "holm", "interval", "p_value"]

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap percentile interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: Floats, resamples: int = 2000, seed: int = 0) -> Floats:
    """Means of resampled values (..., S, C, I): shape (..., resamples); leading axes (methods) share every resample."""
    generator = np.random.default_rng(seed)
    models, cells, batches = values.shape[-3:]
    means = np.empty((*values.shape[:-3], resamples))
    for resample in range(resamples):
        chosen = generator.integers(models, size=(models, 1, 1))
        drawn = generator.integers(batches, size=(models, cells, batches))
        means[..., resample] = values[..., chosen, np.arange(cells)[None, :, None], drawn].mean(axis=(-3, -2, -1))
    return means


def interval(values: Floats, resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean and 95 % interval of values (S, C, I)."""
    low, high = np.quantile(bootstrap(values, resamples, seed), (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def p_value(differences: Floats) -> float:
    """Two-sided bootstrap p-value of "the mean difference is 0", from resampled mean differences."""
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(differences) + 1)))


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p-values that control the chance of any false claim (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * factors), 1)
    result = np.empty(len(p_values))
    result[order] = adjusted
    return [float(value) for value in result]
