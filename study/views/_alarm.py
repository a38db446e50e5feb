"""Which pictures of a folder stand apart, judged by the folder itself, with a rate of false alarms that was measured.

Ordinary pictures have a tail, too: the oddest of 200 ordinary ones is far out.  A picture stands apart where it lies beyond what
the folder's own upper half suggests for the largest of n,

    v > v₅₀ + (v₉₀ − v₅₀) · z(1 − .05/n) / z(.9) · (1.2 + 10/n)

The Gaussian extrapolation alone is wrong for real pictures, whose tails are heavier; the stretch was chosen on clean folders
so that about one in twenty is called odd (`ALARM`).  Measured with 5/n, 50 to 60 draws a cell: CIFAR-10 0 % at n = 30, 100
and 500, MNIST 10, 5 and 3 %; the term was doubled after that and not measured again (`tests/benchmarks/test_rank_folders.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from models.outlier_scores import Floats

__all__ = ["ALARM", "beyond", "stands_apart"]

ALARM = 0.05
"""Share of clean folders in which some picture stands apart: what is aimed at."""


def stands_apart(values: Floats) -> NDArray[np.bool_]:
    """Which of the fused values (n,) stand apart, (n,)."""
    if len(values) < 3 or np.ptp(values) == 0:
        return np.zeros(len(values), dtype=bool)
    return np.asarray(values > beyond(values))


def beyond(values: Floats, heavier: float = 1.0) -> float:
    """The value that the largest of as many ordinary ones would seldom exceed.  heavier: stretches it for a heavier tail."""
    n = len(values)
    middle, upper = np.quantile(values, (0.5, 0.9))
    return float(middle + (upper - middle) * ndtri(ALARM / n) / ndtri(0.1) * (1.2 + 10 / n) * heavier)
