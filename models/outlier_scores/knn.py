"""Mean distance to the k nearest other pictures, in the units of the batch's aggregate posterior.

Latents are divided by √(MAD² + median σ²) first.  k is a quarter of the batch (at least 5): a cluster of odd pictures
smaller than that cannot be its own neighbourhood.  Copes with contexts of several clusters, which Gaussian scores do not.
"""

from __future__ import annotations

import math

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._neighbours import nearest_distances
from models.outlier_scores._robust import aggregate_moments

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Mean distance, aggregate standard deviations."""
    k = max(5, math.ceil(len(context) / 4))
    _, variance = aggregate_moments(batch, context)
    return Scores(nearest_distances(batch.mu / np.sqrt(variance), context, k).mean(axis=1))
