"""Intervals of a benchmark in which every model meets every batch.

Values are arranged (S, C, I): S models (seeds of one configuration), C cells, I batches a cell, the same batches for every
model and method.  Models and batches are drawn independently and crossed, so the mean over all has the variance

    V = V_models + V_batches      V_models   variance of the S models' means / S
                                  V_batches  Σ over cells of the variance of the I batches' means / I, / C²

(Cornfield & Tukey 1956, Annals of Mathematical Statistics 27:907; the interaction, which both contain, is left in twice, since
without it intervals of two models hold the truth too seldom), and the interval is t with Satterthwaite's degrees of freedom
(1946, Biometrics Bulletin 2:110).  With one model only the batches vary, and the interval says nothing about other seeds.
A bootstrap of so few models covers far less than it says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["Interval", "holm", "interval", "p_value"]

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with its 95 % interval; low and high are NaN where nothing varies that could be told from chance."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(values: Floats) -> Interval:
    """Mean and 95 % interval of values (S, C, I).

    >>> print(interval(np.array([[[0.7, 0.9, 0.8, 0.8]]])))
    0.800 [0.670, 0.930]
    """
    mean, error, freedom = _moments(values)
    reach = float(stats.t.ppf(0.975, freedom)) * error if error else 0.0
    return Interval(mean, mean - reach, mean + reach)


def p_value(values: Floats) -> float:
    """Two-sided p-value of "the mean is 0", of paired differences (S, C, I)."""
    mean, error, freedom = _moments(values)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, freedom))


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p-values that control the chance of any false claim (Holm 1979).  NaN stays NaN and costs nothing.

    >>> holm([0.01, 0.04, 0.03, float("nan")])
    [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)[: np.isfinite(values).sum()]
    values[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1)
    return [float(value) for value in values]


def _moments(values: Floats) -> tuple[float, float, float]:
    """Mean, its standard error, and the error's degrees of freedom; the error is NaN for a single model and batch."""
    models, cells, batches = values.shape
    mean = float(values.mean())
    by_model, by_batch = values.mean(axis=(1, 2)), values.mean(axis=0)
    of_models = float(by_model.var(ddof=1)) / models if models > 1 else 0.0
    each = by_batch.var(axis=1, ddof=1) / batches / cells**2 if batches > 1 else np.zeros(cells)
    of_batches = float(each.sum())
    if models * batches == 1:
        return mean, np.nan, np.nan
    error = of_models + of_batches
    parts = (of_models**2 / max(models - 1, 1)) + float((each**2).sum()) / max(batches - 1, 1)
    return mean, float(np.sqrt(error)), error**2 / parts if parts > 0 else np.inf
