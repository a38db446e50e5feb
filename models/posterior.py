"""The diagonal Gaussian q(z|x) = N(mu, diag exp logvar) on arrays: what everything outside training asks of it.

Shapes: n images, D latents.  Training has the same in torch (`models.elbo`), and `models.numpy_vae` has it from scratch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw", "kl_to_prior"]


def kl_to_prior(mu: NDArray[np.floating], logvar: NDArray[np.floating]) -> NDArray[np.float64]:
    """KL(q(z|x) ‖ N(0, I)) of every image and latent, nats, (n, D):  ½(mu² + σ² − 1 − log σ²)   (Kingma & Welling 2014, app. B).

    >>> kl_to_prior(np.array([[0.0, 2.0]]), np.zeros((1, 2))).tolist()
    [[0.0, 2.0]]
    """
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    return np.asarray(0.5 * (mu**2 + np.exp(logvar) - 1 - logvar))


def draw(mu: NDArray[Any], logvar: NDArray[Any], noise: NDArray[Any] | int) -> NDArray[Any]:
    """One sample z = mu + σ·ε of every posterior, (n, D); `noise` is ε ~ N(0, I), or the seed to draw it from (float32).

    >>> draw(np.array([[1.0]]), np.array([[0.0]]), np.array([[0.5]])).tolist()
    [[1.5]]
    """
    if isinstance(noise, int):
        noise = np.random.default_rng(noise).standard_normal(mu.shape, dtype=np.float32)
    return np.asarray(mu + np.exp(0.5 * logvar) * noise)
