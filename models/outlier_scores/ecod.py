"""ECOD on mu: empirical tail probabilities of each latent (Li et al. 2022), the formula of PyOD.

    score(x) = max( Σᵢ −log F̂ᵢ(muᵢ),  Σᵢ −log (1 − F̂ᵢ)(muᵢ),  Σᵢ the tail on which latent i is skewed )

Only ranks within each latent count, so a picture that is far out is no odder than one that is barely last.
"""

from __future__ import annotations

import numpy as np
import scipy

from models.outlier_scores._contract import Batch, Floats, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: −log tail probabilities of the tail that was chosen, nats."""
    left = _tail(batch.mu, batch.mu[context])
    right = _tail(-batch.mu, -batch.mu[context])
    constant = np.ptp(batch.mu[context], axis=0) == 0
    leaning = np.where(constant, 0.0, scipy.stats.skew(np.where(constant, _ramp(len(context)), batch.mu[context]), axis=0))
    skewed = np.where(leaning < 0, left, right)
    candidates = np.stack([left, right, skewed])
    chosen = candidates.sum(axis=2).argmax(axis=0)
    return Scores.additive(candidates[chosen, np.arange(len(batch))])


def _tail(values: Floats, context: Floats) -> Floats:
    """−log of the share of the context at or below each value, (n, D); never below one picture's share."""
    below = np.stack([np.searchsorted(np.sort(c), v, side="right") for v, c in zip(values.T, context.T, strict=True)], axis=1)
    tail: Floats = -np.log(np.maximum(below, 1) / len(context))
    return tail


def _ramp(count: int) -> Floats:
    """Stands in for constant columns, whose skewness is undefined."""
    return np.arange(count, dtype=np.float64)[:, None]
