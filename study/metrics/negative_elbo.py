"""The negative evidence lower bound, recon + kl at β = 1: an upper bound of −log p(x) (Kingma & Welling 2014, eq. 3).

Nats per image, one noise sample for each image.  Range as `recon`.  Lower is better.  Cost: that of `recon`.  It is the
same number for every objective: neither β nor γ nor C enters, so models trained with different ones can be compared.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.evidence.encoding import DECODED, Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "negative_elbo"]

METRIC = Metric(
    family="model",
    keys=("negative_elbo",),
    direction="minimize",
    range=(-math.inf, math.inf),
    unit="nats",
    cost="cheap",
    points=DECODED,
    titles={"negative_elbo": "negative ELBO"},
    group="losses",
)


def negative_elbo(nll_N: NDArray[np.floating], kl_ND: NDArray[np.floating]) -> float:
    """Nats per image, from −log p(x|z) of each image (N,) and the KL of each image and latent (N, D).

    >>> negative_elbo(np.array([100.0, 80.0]), np.array([[10.0, 0.0], [8.0, 2.0]]))
    100.0
    """
    return float(np.mean(nll_N) + np.sum(kl_ND, axis=1).mean())


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    return {"negative_elbo": negative_elbo(encoding.nll, encoding.kl)}
