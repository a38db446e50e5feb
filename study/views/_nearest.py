"""The k nearest pictures of a context, never oneself: exact, in blocks of float32 products, 10,000 pictures in seconds.

Squared distances are |a|² + |b|² − 2 a·b.  Differences below about 10⁻³ of the lengths drown in rounding: such pictures are
duplicates, which `study.views` groups before anything is compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.outlier_scores import Rows
from study.views._contract import Look

__all__ = ["K", "compared"]

K = 10
"""Neighbours.  From 10 to 20 is best on MNIST and CIFAR-10; it must exceed the number of odd pictures that are alike."""

SHOWN, SAMPLE = 5, 200
_BLOCK = 8_000_000  # entries of a block of distances


def compared(points: NDArray[np.float32], context: Rows, k: int = K) -> Look:
    """Mean Euclidean distance of each of the n points (n, F) to its k nearest of the context, and the 5 nearest rows."""
    others = points[context]
    copies = int(np.bincount(context, minlength=len(points)).max())
    k = max(1, min(k, len(context) - copies))
    lengths, other_lengths = (np.einsum("ij,ij->i", x, x) for x in (points, others))
    means, nearest = np.empty(len(points)), np.empty((len(points), min(SHOWN, k)), np.int64)
    step = max(1, _BLOCK // len(context))
    for start in range(0, len(points), step):
        rows = np.arange(start, min(start + step, len(points)))
        squared = lengths[rows, None] + other_lengths - 2 * points[rows] @ others.T
        squared[rows[:, None] == context] = np.inf
        first = np.argpartition(squared, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(squared, first, axis=1)
        by_distance = np.argsort(found, axis=1, kind="stable")
        means[rows] = np.sqrt(np.maximum(found, 0)).mean(axis=1)
        nearest[rows] = context[np.take_along_axis(first, by_distance, axis=1)[:, : nearest.shape[1]]]
    return Look(means, nearest, among=_among(points[np.unique(context)]))


def _among(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distances between at most 200 of the points, evenly spaced, (s, s)."""
    some = points[np.linspace(0, len(points) - 1, min(len(points), SAMPLE)).astype(np.int64)]
    lengths = np.einsum("ij,ij->i", some, some)
    return np.asarray(np.sqrt(np.maximum(lengths[:, None] + lengths - 2 * some @ some.T, 0)))
