"""Where the KL goes: the three parts of the aggregate posterior's (Hoffman & Johnson 2016; Chen et al. 2018, eq. 2).

    E_n KL(q(z|x_n) ‖ p(z)) = I(n; z) + KL(q(z) ‖ Π_d q(z_d)) + Σ_d KL(q(z_d) ‖ p(z_d))        q(z) = 1/N Σ_n q(z|x_n)

    mi        what z knows of which image it was: information
    tc        total correlation: what the latents know of one another; β-TCVAE punishes this part
    dimwise   how far each latent's aggregate is from the prior: the price of an odd code

Nats per image; range: any, for each is a Monte Carlo estimate (one z an image).  None of them has a better direction of its
own; as parts of a price they are declared as lower is better.  Cost: seconds, N² · D.

q(z) is the exact mixture over N evaluation points, 5,000 at most, not Chen et al.'s minibatch-weighted estimate, so the three
sum to the sampled KL to rounding.  The information is that about *these N* images and never exceeds ln N (8.5 nats for 5,000):
of a code that tells every image from every other the rest of its KL shows as total correlation.  `total_correlation` is the
Gaussian estimate.  Unchanged by permuting latents.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "kl_parts"]

POINTS = 5_000
CHUNK = 100  # images whose z meet all posteriors at once: 100 · 5,000 · D doubles are 40 MB at 10 latents

METRIC = Metric(
    family="model",
    keys=("kl_parts_mi", "kl_parts_tc", "kl_parts_dimwise"),
    direction="minimize",
    range=(-math.inf, math.inf),
    unit="nats",
    cost="seconds",
    points=POINTS,
    titles={
        "kl_parts_mi": "information about the image, in the KL",
        "kl_parts_tc": "total correlation, in the KL",
        "kl_parts_dimwise": "dimension-wise KL, in the KL",
    },
)

Floats = NDArray[np.floating]


def kl_parts(mu: Floats, logvar: Floats, z: Floats) -> tuple[float, float, float]:
    """Information, total correlation and dimension-wise KL, nats, of posteriors N(mu, exp logvar) and a z of each, all (N, D).

    >>> blind = np.zeros((50, 2))
    >>> z = np.random.default_rng(0).standard_normal((50, 2))
    >>> [abs(round(part, 9)) for part in kl_parts(blind, blind, z)]  # every posterior is the prior
    [0.0, 0.0, 0.0]
    >>> apart = 100 * np.eye(50)[:, :2] + 1000 * np.arange(50.0)[:, None]
    >>> round(kl_parts(apart, blind, apart)[0], 6) == round(math.log(50), 6)  # every image has a place of its own
    True
    """
    mu, logvar, z = (np.asarray(array, np.float64) for array in (mu, logvar, z))
    own = _log_normal(z, mu, logvar)  # (N, D): log q(z_nd | x_n)
    prior = _log_normal(z, np.zeros_like(mu), np.zeros_like(mu))
    together, apart = np.empty(len(z)), np.empty(z.shape)
    for first in range(0, len(z), CHUNK):
        rows = slice(first, first + CHUNK)
        each = _log_normal(z[rows, None], mu, logvar)  # (chunk, N, D)
        together[rows] = _log_mean_exp(each.sum(axis=2))
        apart[rows] = _log_mean_exp(each)
    information = float((own.sum(axis=1) - together).mean())
    correlation = float((together - apart.sum(axis=1)).mean())
    return information, correlation, float((apart - prior).sum(axis=1).mean())


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    mu, logvar = encoding.mu[:POINTS], encoding.logvar[:POINTS]
    noise = np.random.default_rng(seed).standard_normal(mu.shape)
    return dict(zip(METRIC.keys, kl_parts(mu, logvar, mu + np.exp(0.5 * logvar) * noise), strict=True))


def _log_normal(z: Floats, mu: Floats, logvar: Floats) -> NDArray[np.float64]:
    return np.asarray(-0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 * np.exp(-logvar)))


def _log_mean_exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over axis 1."""
    largest = values.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(values - largest).mean(axis=1)) + largest.squeeze(1))
