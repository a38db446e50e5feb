"""Contrast: how much better the whole population explains a picture than its batch does.

    score(x) = −2 log [ p(mu | batch) / p(mu | population) ] + constant
             = (mu − m)ᵀ S⁻¹ (mu − m)  −  Σᵢ min(muᵢ²/pᵢ, 4)                                        (twice nats)

A picture that is extreme under any circumstances (a flourish, a rare shape) is far from everything; what makes it odd *here* is
being far from the batch and not from the population.  Latents in which the batch is as varied as the population cancel,
and only what this batch has in common counts.  Read backwards it is Bayesian Sets (Ghahramani & Heller 2005); as a ratio of
likelihoods it is the correction of Ren et al. 2019 for out-of-distribution detection, without their second model: a VAE's
population is known beforehand, its prior N(0, I), which is what the KL term is for.

    m, S   mean and covariance of the aggregate posterior of the pictures that make up the batch: Cov[mu] + E[σ²], with
           one picture's worth of the prior's covariance added (which decides alone where there are too few pictures)
    p      1, or the batch's own variance where that is larger: a population cannot be narrower than its batch
    4      two standard deviations: a latent farther out than that is not explained by the population either (foreign
           pictures, damage), and a batch of such pictures must still be recognised by what it has in common

Odd pictures must not shape the batch.  Starting from medians and MADs without correlations, each picture's weight falls
from 1 to 0 as its score passes two robust standard deviations above the median score; m and S are estimated with these
weights, twice.

Parts are Shapley values, φᵢ = dᵢ (S⁻¹ d)ᵢ − min(muᵢ²/pᵢ, 4) with d = mu − m (Mayrhofer & Filzmoser 2023); they can be negative.
They share what correlated latents say together, so a reason is named by each latent alone,

    aᵢ = dᵢ²/sᵢ − dᵢ²/pᵢ      sᵢ = Sᵢᵢ without the prior's share: the marginal part, minus what it is among pictures in general

which is zero where the batch is as varied as the population.  How often that is the right latent: `analysis/results`.
"""

from __future__ import annotations

import numpy as np
import scipy

from models.outlier_scores._contract import Batch, Floats, Rows, Scores
from models.outlier_scores._robust import TINY, aggregate_moments, mad

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "linear"

ROUNDS = 2
FAR = 2.0  # population standard deviations
CUT = 2.0  # robust standard deviations above the median score at which a picture's weight is ½ …
STEEPNESS = 3.0  # … and how fast it falls there


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: Shapley values of the contrast."""
    centre, variance = aggregate_moments(batch, context)
    parts = (batch.mu - centre) ** 2 / variance - _expected(batch, variance)
    for _ in range(ROUNDS):
        weights = _membership(parts.sum(axis=1)[context])
        mean, covariance = _moments(batch, context, weights)
        parts = _contrast(batch, mean, covariance)
    own = np.maximum(np.diag(covariance) - 1 / _members(weights), TINY)
    return Scores.additive(parts, alone=(batch.mu - mean) ** 2 * (1 / own - 1 / np.maximum(1, own)))


def _membership(scores: Floats) -> Floats:
    """How much each context picture counts as a member of the batch, (m,), 0 … 1."""
    middle = float(np.median(scores))
    z = (scores - middle) / (mad(scores, middle) + TINY)
    return np.asarray(scipy.special.expit(STEEPNESS * (CUT - z)))


def _moments(batch: Batch, context: Rows, weights: Floats) -> tuple[Floats, Floats]:
    """m (D,) and S (D, D)."""
    mu, total = batch.mu[context], weights.sum()
    mean = weights @ mu / total
    d = mu - mean
    scatter = d.T @ (d * weights[:, None]) + np.eye(mu.shape[1])
    noise = np.median(batch.variance[context], axis=0)
    return mean, scatter / _members(weights) + np.diag(noise)


def _members(weights: Floats) -> float:
    """How many pictures S is made of, at least 2."""
    return max(float(weights.sum()), 2.0)


def _contrast(batch: Batch, mean: Floats, covariance: Floats) -> Floats:
    d = batch.mu - mean
    return np.asarray(d * np.linalg.solve(covariance, d.T).T - _expected(batch, np.diag(covariance)))


def _expected(batch: Batch, variance: Floats) -> Floats:
    """What the population explains of each latent's distance, (n, D)."""
    return np.minimum(batch.mu**2 / np.maximum(1, variance), FAR**2)
