"""PCA–Mahalanobis on pixels: whitened distance within the first components plus the scaled residual outside; no model.

    score(x) = Σₖ tₖ²/λₖ + ‖x − x̂‖² / mean residual variance,   tₖ the coordinate on component k, λₖ its variance

with as many components as explain 90 % of the variance, at most a quarter of the batch (probabilistic PCA,
Tipping & Bishop 1999).  This is the linear counterpart of ranking by a VAE's latents.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ("pixels",)
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Squared whitened distance."""
    assert batch.pixels is not None
    pixels = batch.pixels.astype(np.float64)
    centre = pixels[context].mean(axis=0)
    d = pixels - centre
    _, singular, axes = np.linalg.svd(d[context], full_matrices=False)
    power = singular**2
    if power.sum() == 0:
        return Scores((d**2).sum(axis=1))
    kept = 1 + int(np.searchsorted(np.cumsum(power) / power.sum(), 0.9))
    kept = min(kept, max(1, len(context) // 4))
    coordinates = d @ axes[:kept].T
    outside = np.maximum((d**2).sum(axis=1) - (coordinates**2).sum(axis=1), 0)
    noise = max(power[kept:].sum(), 1e-6 * power.sum()) / (len(context) * max(len(singular) - kept, 1))
    return Scores((coordinates**2 / (power[:kept] / len(context))).sum(axis=1) + outside / noise)
