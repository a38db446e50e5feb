"""What a model says of a batch of pictures: all that the page needs beside the two networks.

KL          mean over the batch of every latent's KL to the prior, nats; sliders come in its order
unused      KL below 0.01 nats: the latent says nothing
plane       principal components of the posterior means (N, D): centre, two directions, their share of the variance
factors     for data with known factors: the factor that a latent knows most of, where that is more than .3 of its entropy
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.explorer.subject import Pictures, Subject
from models.posterior import kl_to_prior

__all__ = ["UNUSED", "Batch", "describe"]

UNUSED = 0.01  # nats
KNOWN = 0.3  # of a factor's entropy
POINTS = 5_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """mu, logvar (N, D); errors (N,): mean squared error of a pixel of the redrawing, grey levels in [0, 1]; kl (D,) nats."""

    mu: NDArray[np.float32]
    logvar: NDArray[np.float32]
    errors: Floats
    kl: Floats
    centre: Floats
    directions: Floats
    share: Floats
    factors: dict[int, str]


def describe(subject: Subject, pictures: Pictures) -> Batch:
    """Encode, redraw and measure all pictures once."""
    mu, logvar = subject.codec.encode(pictures.images, pictures.labels)
    redrawn = subject.codec.decode(mu, pictures.labels)
    errors = ((redrawn - pictures.images / np.float32(255)) ** 2).mean((1, 2, 3), dtype=np.float64)
    centre, directions, share = _plane(mu.astype(np.float64))
    kl = kl_to_prior(mu.astype(np.float64), logvar.astype(np.float64)).mean(0)
    return Batch(mu, logvar, errors, kl, centre, directions, share, _factors(subject, pictures))


def _plane(mu: Floats) -> tuple[Floats, Floats, Floats]:
    """Centre (D,), two directions (2, D) and their shares of the variance (2,); zeros where there is none."""
    centre = mu.mean(0)
    _, values, vectors = np.linalg.svd(mu - centre, full_matrices=False)
    directions, share = np.zeros((2, mu.shape[1])), np.zeros(2)
    found = min(2, len(values))
    directions[:found] = vectors[:found]
    if (total := float((values**2).sum())) > 0:
        share[:found] = values[:found] ** 2 / total
    return centre, directions, share


def _factors(subject: Subject, pictures: Pictures) -> dict[int, str]:
    """{latent: "position x (.62)"}, from 5,000 validation images."""
    from study.evidence.information import entropies, mutual_information

    dataset = pictures.dataset
    if dataset is None or dataset.factors is None or subject.config.condition is not None:
        return {}
    rows = dataset.sample("validation", POINTS, 1)
    factors = dataset.factors[rows]
    known = entropies(factors)
    mu = np.concatenate([subject.codec.encode(dataset.images[part])[0] for part in np.array_split(rows, 10)])
    shares = mutual_information(mu, factors) / np.where(known > 0, known, np.inf)
    best = shares.argmax(1)
    return {
        latent: f"{dataset.factor_names[factor].replace('_', ' ')}"
        for latent, factor in enumerate(best)
        if shares[latent, factor] > KNOWN
    }
