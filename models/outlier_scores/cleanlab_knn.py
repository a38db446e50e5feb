"""The out-of-distribution score of cleanlab: mean distance to the 10 nearest others in feature space (Kuan & Mueller 2022).

Cosine distance when there are more than 3 features, else Euclidean, as cleanlab chooses; its final exp(−distance) is
monotone and left out.  Features are mu.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._neighbours import nearest_distances

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Mean distance."""
    cosine = batch.mu.shape[1] > 3
    features = batch.mu / np.maximum(np.linalg.norm(batch.mu, axis=1, keepdims=True), 1e-12) if cosine else batch.mu
    metric = "sqeuclidean" if cosine else "euclidean"  # of unit vectors: 2 × the cosine distance, also where mu = 0
    return Scores(nearest_distances(features, context, 10, metric).mean(axis=1))
