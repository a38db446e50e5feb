"""Mahalanobis distance to the batch's aggregate posterior, shrunk towards the additive score as far as the batch is small.

    score(x) = (mu − m)ᵀ Σ⁻¹ (mu − m),    Σ = S^½ R S^½,   S = diag(MADᵢ² + median σᵢ²),   R = (1 − λ) Corr + λ I

The scales are those of `robust_z`; the correlations of the latents are added where the data can tell them from noise: λ
is the shrinkage intensity of Schäfer & Strimmer (2005, target D), Σᵢⱼ Var(rᵢⱼ) / Σᵢⱼ rᵢⱼ², near 1 for a dozen pictures
(leaving `robust_z`) and near 0 for thousands.  Correlations are those of z-values winsorised at 2.5, so that a few odd
pictures cannot bend them.  Entangled latents are what this is for: a factor spread over two latents is a narrow diagonal.

Parts are the Shapley values of the squared distance, φᵢ = dᵢ (Σ⁻¹ d)ᵢ (Mayrhofer & Filzmoser 2023); they can be negative.
"""

from __future__ import annotations

import numpy as np

from models.outlier_score import Batch, Floats, Rows, Scores
from models.robust import aggregate_moments

__all__ = ["CONTEXT", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: Shapley values of the squared distance."""
    centre, variance = aggregate_moments(batch, context)
    z = (batch.mu - centre) / np.sqrt(variance)
    correlations = _shrunk_correlations(np.clip(z[context], -2.5, 2.5), _mean_floor(batch, context, variance))
    return Scores.additive(z * np.linalg.solve(correlations, z.T).T)


def _mean_floor(batch: Batch, context: Rows, variance: Floats) -> Floats:
    return np.median(batch.variance[context], axis=0) / variance


def _shrunk_correlations(z: Floats, floor: Floats) -> Floats:
    """R, (D, D): off-diagonal covariances of z shrunk by Schäfer & Strimmer's λ; z's noise share stays on the diagonal."""
    count, latents = z.shape
    z = z - z.mean(axis=0)
    scale = np.sqrt(np.maximum((z**2).mean(axis=0) + floor, 1e-12))
    z = z / scale
    products = z.T @ z / count
    variance = ((z**2).T @ (z**2) / count - products**2) * count / max(count - 1, 1) ** 2
    off = ~np.eye(latents, dtype=bool)
    total = (products[off] ** 2).sum()
    shrinkage = 1.0 if total == 0 else float(np.clip(variance[off].sum() / total, 0, 1))
    correlations = (1 - shrinkage) * products
    np.fill_diagonal(correlations, 1.0)
    return correlations
