"""KL(q(z|x) ‖ p(z)), summed over latents, mean over images: the rate, nats per image (Kingma & Welling 2014, app. B).

    ½ Σ_d (μ_d² + σ_d² − 1 − log σ_d²)

Range ≥ 0.  "minimize" is the direction of a rate: at the same reconstruction error, fewer nats are better; alone, 0 is a
model that ignores its latents.  Cost: none beyond encoding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.posterior import kl_to_prior
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "kl"]

METRIC = Metric(
    family="model",
    keys=("kl",),
    direction="minimize",
    range=(0, math.inf),
    unit="nats",
    cost="cheap",
    titles={"kl": "KL"},
    group="losses",
    watched=True,
)


def kl(mu: NDArray[np.floating], logvar: NDArray[np.floating]) -> float:
    """Nats per image of posteriors N(mu, exp logvar), each (N, D).

    >>> kl(np.ones((4, 3)), np.zeros((4, 3)))
    1.5
    """
    mu, logvar = np.asarray(mu, np.float64), np.asarray(logvar, np.float64)
    return float(kl_to_prior(mu, logvar).sum(axis=1).mean())


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    return {"kl": float(encoding.kl.sum(axis=1).mean())}
