"""Location, spread and covariance of a batch's posteriors that a few odd pictures cannot move.

The batch as a distribution over latents is its aggregate posterior (1/n) Σ q(z|xᵢ).  By the law of total variance its
variance is the spread of the means plus the mean posterior variance,

    Var[z] = Var[mu] + E[σ²],

and the second term is what keeps every scale here above zero: when all pictures agree on a factor, the spread of mu
vanishes, but a difference smaller than σ still means nothing.  It also silences dead latents, whose σ² ≈ 1.

Suffixes: n pictures, m rows of the context, D latents.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Floats, Rows

__all__ = ["TINY", "aggregate_moments", "mad", "winsorised"]

MAD_TO_SIGMA = 1.4826
"""1/Φ⁻¹(¾): makes the median absolute deviation estimate σ of a Gaussian."""

TINY = 1e-12
"""Added to variances, in squared latent units: a model without posterior variance must not divide by zero."""


def mad(values: Floats, centre: Floats | float) -> Floats:
    """Median absolute deviation along the first axis, scaled to estimate σ."""
    return np.asarray(MAD_TO_SIGMA * np.median(np.abs(values - centre), axis=0))


def aggregate_moments(batch: Batch, context: Rows) -> tuple[Floats, Floats]:
    """Robust mean and variance of the context's aggregate posterior, each (D,): median, and MAD² + median σ²."""
    mu, variance = batch.mu[context], batch.variance[context]
    centre = np.median(mu, axis=0)
    return centre, mad(mu, centre) ** 2 + np.median(variance, axis=0) + TINY


def winsorised(values: Floats, centre: Floats, scale: Floats, width: float = 3.0) -> Floats:
    """The values, pulled in to at most `width` scales from the centre."""
    return np.clip(values, centre - width * scale, centre + width * scale)
