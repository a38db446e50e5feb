"""Jeffreys divergence between a picture's posterior and the moment-matched posterior of the others.

    J(p, q) = KL(p‖q) + KL(q‖p) = Σᵢ ½ [ (σᵢ² + δᵢ²)/vᵢ + (vᵢ + δᵢ²)/σᵢ² ] − 1,   δᵢ = muᵢ − mᵢ

for p = N(mu, σ²) and q = N(m, v) (Jeffreys 1946; diagonal Gaussians).  m and v are mean and variance of the aggregate
posterior of the context without the picture itself, computed on means winsorised at 3 robust standard deviations.
A picture is odd here also for being more or less certain than the others.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Floats, Rows, Scores
from models.outlier_scores._robust import TINY, aggregate_moments, winsorised

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "linear"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: the divergence of each latent, nats."""
    mean, total = _moments_of_others(batch, context)
    own = batch.variance + TINY
    gap = (batch.mu - mean) ** 2
    return Scores.additive(0.5 * ((own + gap) / total + (total + gap) / own) - 1)


def _moments_of_others(batch: Batch, context: Rows) -> tuple[Floats, Floats]:
    centre, variance = aggregate_moments(batch, context)
    mu = winsorised(batch.mu, centre, np.sqrt(variance))
    copies = np.bincount(context, minlength=len(batch)).astype(float)[:, None]
    left = len(context) - copies

    def mean_of_others(values: Floats) -> Floats:
        return np.asarray((values[context].sum(axis=0) - copies * values) / left)

    offset = mu - centre
    mean = mean_of_others(offset)
    spread = np.maximum(mean_of_others(offset**2) - mean**2, 0)
    return centre + mean, spread + mean_of_others(batch.variance) + TINY
