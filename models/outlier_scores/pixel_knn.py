"""Mean Euclidean distance to the 10 nearest others in pixels: no model at all."""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._neighbours import nearest_distances

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ("pixels",)
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Mean distance, grey levels (1 = white) times √pixels."""
    assert batch.pixels is not None
    return Scores(nearest_distances(batch.pixels.astype(np.float64), context, 10).mean(axis=1))
