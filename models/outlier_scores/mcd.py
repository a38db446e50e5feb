"""Squared Mahalanobis distance with the Minimum Covariance Determinant (Rousseeuw & Van Driessen 1999).

Mean and covariance of the tightest half of the batch: robust to clustered odd pictures, but it needs about five pictures a
latent to be stable.  With fewer than two a latent the tightest half is singular, and the median and MAD of each latent
are used instead.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.covariance import MinCovDet

from models.outlier_scores._contract import Batch, Floats, Rows, Scores, canonical_order
from models.outlier_scores._robust import TINY, mad

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: Shapley values of the squared distance."""
    mu = batch.mu[context]
    centre, covariance = _tightest_half(mu) if len(mu) >= 2 * mu.shape[1] + 2 else _each_latent(mu)
    d = batch.mu - centre
    return Scores.additive(d * np.linalg.solve(covariance + TINY * np.eye(len(covariance)), d.T).T)


def _tightest_half(mu: Floats) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about singular subsets: the tiny ridge above makes them usable
        try:
            estimate = MinCovDet(random_state=0).fit(mu[canonical_order(mu)])
        except ValueError:  # more than half of the pictures are the same
            return _each_latent(mu)
    return estimate.location_, estimate.covariance_


def _each_latent(mu: Floats) -> tuple[Floats, Floats]:
    centre = np.median(mu, axis=0)
    return centre, np.diag(mad(mu, centre) ** 2)
