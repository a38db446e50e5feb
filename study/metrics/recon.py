"""Reconstruction error: −E_q(z|x)[log p(x|z)], summed over pixels, mean over images (Kingma & Welling 2014, eq. 3).

Nats per image, one noise sample z for each image, from the likelihood the model was trained with.  Range: Bernoulli ≥ 0; a
Gaussian's density can exceed 1, so its error can be negative.  Lower is better.  Cost: decoding at most 10,000 images once.
Differs from a training loss only in that pixel means are clipped at 1e-7 (`study.evidence.likelihood`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.config import Likelihood
from study.evidence.encoding import DECODED, Encoding
from study.evidence.likelihood import reconstruction_nll
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "recon"]

METRIC = Metric(
    family="model",
    keys=("recon",),
    direction="minimize",
    range=(-math.inf, math.inf),
    unit="nats",
    cost="cheap",
    points=DECODED,
    titles={"recon": "reconstruction NLL"},
    group="losses",
    watched=True,
)


def recon(likelihood: Likelihood, means: NDArray[np.floating], images: NDArray[np.uint8]) -> float:
    """Nats per image of pixel means in [0, 1] against images 0..255, both (N, C, H, W).

    >>> recon(Likelihood(), np.full((1, 1, 1, 2), 0.5), np.array([[[[0, 255]]]], np.uint8)) / np.log(2)  # 1 bit a pixel
    np.float64(2.0)
    """
    return float(reconstruction_nll(likelihood, means, images).mean())


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    return {"recon": float(encoding.nll.mean())}
