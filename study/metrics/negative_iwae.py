"""The importance-weighted bound with K = 50 samples: a closer upper bound of −log p(x) (Burda et al. 2016, eq. 8).

    −L_K(x) = −E log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x),     z_k ~ q(z|x);     −L_1 = negative ELBO,  L_K ↑ log p(x)

Nats per image.  Range as `recon`.  Lower is better.  Cost: 50 decodings each of at most 200 images, seconds.  Burda et al. report
K = 5000; the bound falls by about a nat from there to 50, so compare numbers of one K only.
"""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from models.posterior import draw
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "negative_iwae"]

IMAGES, SAMPLES = 200, 50

METRIC = Metric(
    family="model",
    keys=("negative_iwae",),
    direction="minimize",
    range=(-math.inf, math.inf),
    unit="nats",
    cost="seconds",
    points=IMAGES,
    titles={"negative_iwae": "negative IWAE bound"},
    group="losses",
)


def negative_iwae(nll_KN: NDArray[np.floating], kl_KN: NDArray[np.floating]) -> float:
    """−L_K in nats per image, from −log p(x|z_k) and log q(z_k|x) − log p(z_k), each (K, N) for K samples of N images.

    >>> negative_iwae(np.full((3, 2), 90.0), np.full((3, 2), 10.0))
    100.0
    """
    log_weights = -(np.asarray(nll_KN, np.float64) + kl_KN)
    return float(-(scipy.special.logsumexp(log_weights, axis=0) - math.log(len(log_weights))).mean())


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, 3])
    bounds, sizes = [], []
    for part, images in encoding.chunks(IMAGES):
        samples = [_sample(encoding, part, images, rng) for _ in range(SAMPLES)]
        nll_KN, kl_KN = (np.stack(arrays) for arrays in zip(*samples, strict=True))
        bounds.append(negative_iwae(nll_KN, kl_KN))
        sizes.append(len(images))
    return {"negative_iwae": float(np.average(bounds, weights=sizes))}


def _sample(
    encoding: Encoding, part: slice, images: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For one z of every image: −log p(x|z), and log q(z|x) − log p(z), whose 2π cancel."""
    mu, logvar = encoding.mu[part], encoding.logvar[part]
    noise = rng.standard_normal(mu.shape, dtype=np.float32)
    z = draw(mu, logvar, noise)
    log_ratio = 0.5 * (np.square(z, dtype=np.float64) - np.square(noise, dtype=np.float64) - logvar).sum(axis=1)
    return encoding.nll_of(z, part, images), log_ratio
