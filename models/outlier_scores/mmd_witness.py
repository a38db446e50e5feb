"""The witness function of the maximum mean discrepancy between a picture and the other pictures (Gretton et al. 2012).

    score(x) = −(1/m) Σⱼ k(x, xⱼ),   k(x, y) = exp(−‖x − y‖² / (2 h²)),   xⱼ the others

up to a constant the difference of the two mean embeddings at x; h is the median distance between pictures (the usual
heuristic), and the score moves with it.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist, pdist

from models.outlier_scores._contract import Batch, Floats, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"

_BLOCK_ENTRIES = 4_000_000


def score(batch: Batch, context: Rows) -> Scores:
    """Minus the mean kernel to the others: −1 (at the heart of the batch) … 0 (far from everything)."""
    others = batch.mu[context]
    width = _median_distance(others)
    block = max(1, _BLOCK_ENTRIES // len(context))
    starts = range(0, len(batch), block)
    return Scores(np.concatenate([_witness(batch.mu, slice(start, start + block), others, context, width) for start in starts]))


def _witness(mu: Floats, rows: slice, others: Floats, context: Rows, width: float) -> Floats:
    kernel = np.exp(-cdist(mu[rows], others, "sqeuclidean") / (2 * width**2))
    own = np.arange(len(mu))[rows][:, None] == context[None, :]
    kernel[own] = 0
    witness: Floats = -kernel.sum(axis=1) / np.maximum((~own).sum(axis=1), 1)
    return witness


def _median_distance(points: Floats) -> float:
    """Of at most 1,000 evenly spaced pictures in sorted order: enough for a bandwidth."""
    some = points[np.lexsort(points.T[::-1])][:: max(1, len(points) // 1000)]
    width = float(np.median(pdist(some)))
    return width if width > 0 else 1.0
