"""Total correlation of the aggregate posterior, Gaussian estimate: how far the latents are from independent.

    TC = KL(q(z) ‖ Π_d q(z_d)) ≈ −½ log det R,     R the correlation matrix of z,  Cov z = Cov_x(μ) + mean_x diag(σ²)

Nats, range ≥ 0, lower is more independent.  Cost: none beyond encoding.

Only second moments enter: 0 means uncorrelated, not independent.  disentanglement_lib's `gaussian_total_correlation`
(Locatello et al. 2019, §5.2) takes Cov_x(μ) alone for the mean representation, or z sampled; this is the exact covariance of
the sampled one.  Unchanged by permuting latents.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "total_correlation"]

METRIC = Metric(family="model", keys=("total_correlation",), direction="minimize", range=(0, math.inf), unit="nats", cost="cheap")


def total_correlation(mu: NDArray[np.floating], logvar: NDArray[np.floating]) -> float:
    """Nats, of posteriors N(mu, exp logvar), each (N, D), N ≥ 2.

    >>> total_correlation(np.zeros((4, 3)), np.zeros((4, 3)))
    0.0
    """
    covariance = np.atleast_2d(np.cov(np.asarray(mu, np.float64), rowvar=False))
    covariance = covariance + np.diag(np.exp(np.asarray(logvar, np.float64)).mean(axis=0))
    deviation = np.sqrt(np.diag(covariance))
    eigenvalues = np.linalg.eigvalsh(covariance / np.outer(deviation, deviation))
    return max(0.0, float(-0.5 * np.log(np.maximum(eigenvalues, 1e-12)).sum()))


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    return {"total_correlation": total_correlation(encoding.mu, encoding.logvar)}
