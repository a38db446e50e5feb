"""Squared Mahalanobis distance with Oracle Approximating Shrinkage of the covariance (Chen et al. 2010).

    score(x) = (mu − m)ᵀ Σ⁻¹ (mu − m)

The classical distance: it needs n ≫ D, and odd pictures inflate the very covariance that should expose them (masking).
Parts are Shapley values, φᵢ = dᵢ (Σ⁻¹ d)ᵢ (Mayrhofer & Filzmoser 2023); they can be negative.
"""

from __future__ import annotations

import numpy as np
from sklearn.covariance import oas

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._robust import TINY

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "linear"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: Shapley values of the squared distance."""
    mu = batch.mu[context]
    d = batch.mu - mu.mean(axis=0)
    covariance = np.atleast_2d(oas(mu)[0]) if np.ptp(mu, axis=0).any() else np.zeros((mu.shape[1],) * 2)
    return Scores.additive(d * np.linalg.solve(covariance + TINY * np.eye(len(covariance)), d.T).T)
