"""How many latents carry information, by two published rules.

    active_units            latents whose KL(q(z_d|x) ‖ p(z_d)), averaged over images, exceeds 0.01 nats
    active_units_variance   latents whose mean varies over the data: Var_x(μ_d) > 0.01   (Burda et al. 2016, §5.1)

The two differ when a latent is noise of another scale than the prior's (KL > 0 but nothing about x).  Range 0 … D, in
latents.  Declared as "maximize", because a search that names it wants latents used.  Cost: none beyond encoding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "active_units", "compute"]

METRIC = Metric(
    family="model",
    keys=("active_units", "active_units_variance"),
    direction="maximize",
    range=(0, math.inf),
    unit="latents",
    cost="cheap",
)


def active_units(mu: NDArray[np.floating], kl_ND: NDArray[np.floating], threshold: float = 0.01) -> tuple[int, int]:
    """Latents in use by KL and by variance, from posterior means and KLs, each (N, D).

    >>> active_units(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[0.5, 0.001], [0.7, 0.002]]))
    (1, 1)
    """
    by_kl = int((np.mean(kl_ND, axis=0) > threshold).sum())
    by_variance = int((np.var(mu, axis=0, dtype=np.float64) > threshold).sum())
    return by_kl, by_variance


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    by_kl, by_variance = active_units(encoding.mu, encoding.kl)
    return {"active_units": float(by_kl), "active_units_variance": float(by_variance)}
