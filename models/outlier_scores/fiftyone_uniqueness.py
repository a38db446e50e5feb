"""The uniqueness of FiftyOne Brain: weighted distances to the 3 nearest others, over the largest of the batch.

    score(x) = (0.6 d₁ + 0.3 d₂ + 0.1 d₃) / max over the batch

on mu, Euclidean.  Three neighbours make it blind to odd pictures that come in fours.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._neighbours import nearest_distances

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"

_WEIGHTS = np.array([0.6, 0.3, 0.1])


def score(batch: Batch, context: Rows) -> Scores:
    """0 … 1."""
    distances = nearest_distances(batch.mu, context, 3)
    weighted = distances @ _WEIGHTS[: distances.shape[1]]
    largest = weighted.max()
    return Scores(weighted / largest if largest > 0 else weighted)
