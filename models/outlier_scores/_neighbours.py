"""Distances to the nearest pictures of a context, never to oneself.

Computed densely in blocks: exact for every metric, a few seconds for 10,000 pictures, and memory stays flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from models.outlier_scores._contract import Floats, Rows

__all__ = ["nearest_distances"]

_BLOCK_ENTRIES = 4_000_000


def nearest_distances(points: NDArray[np.floating], context: Rows, k: int, metric: str = "euclidean") -> Floats:
    """Distances of each of the n points to its k nearest context rows, ascending, (n, k).

    A point's own rows in the context are left out.  k is lowered to what the context has: at most m − 1.
    """
    others = points[context]
    copies = np.bincount(context, minlength=len(points)).max()
    k = max(1, min(k, len(context) - int(copies)))
    block = max(1, _BLOCK_ENTRIES // len(context))
    blocks = []
    for start in range(0, len(points), block):
        rows = np.arange(start, min(start + block, len(points)))
        distances = cdist(points[rows], others, metric)
        distances[rows[:, None] == context[None, :]] = np.inf
        blocks.append(np.sort(np.partition(distances, k - 1, axis=1)[:, :k], axis=1))
    return np.concatenate(blocks)
