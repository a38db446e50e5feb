"""Squared reconstruction error Σ (x − x̂)²: what most anomaly detectors with a VAE use.

Context-free: it knows what the training set looked like, not what this batch is about.  Prefers simple pictures.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ("pixels", "reconstructions")
CONTEXT = False
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Nothing of it is in the latents: it is all `rest`."""
    assert batch.pixels is not None and batch.reconstructions is not None
    error = np.square(batch.pixels.astype(np.float64) - batch.reconstructions).sum(axis=1)
    return Scores.additive(np.zeros_like(batch.mu), error)
