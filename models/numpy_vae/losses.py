"""The negative ELBO's terms with their derivatives, nats per image (Kingma & Welling 2014).

    BCE     −Σ [x log y + (1 − x) log(1 − y)],  y = sigmoid(l)
              of the logits l:  Σ [max(l, 0) − x·l + log(1 + e^−|l|)],  which cannot overflow;   d/dl = y − x
    KL      ½ Σ_d (mu² + σ² − 1 − log σ²)                    d/dmu = mu       d/dlogvar = ½(σ² − 1)
    sample  z = mu + σ·noise                                 d/dmu = 1        d/dlogvar = ½·σ·noise

Functions return one value an image, shape (N,), and derivatives of that value.
"""

from __future__ import annotations

import numpy as np

from models.numpy_vae.layers import Array

__all__ = ["bce", "bce_with_logits", "gaussian_kl", "reparameterise", "reparameterise_backward"]


def bce(y: Array, x: Array, smallest: float = 1e-12) -> tuple[Array, Array]:
    """BCE of pixel means y in (0, 1), and d/dy = (y − x)/(y(1 − y)).  y is kept `smallest` away from 0 and 1."""
    y = np.clip(y, smallest, 1 - smallest)
    loss = -(x * np.log(y) + (1 - x) * np.log1p(-y))
    return _per_image(loss), (y - x) / (y * (1 - y))


def bce_with_logits(logits: Array, x: Array) -> tuple[Array, Array]:
    """BCE of sigmoid(logits), and its derivative by the logits.

    >>> bce_with_logits(np.zeros((1, 2)), np.ones((1, 2)))  # two pixels of log 2
    (array([1.38629436]), array([[-0.5, -0.5]]))
    """
    loss = np.maximum(logits, 0) - x * logits + np.log1p(np.exp(-np.abs(logits)))
    return _per_image(loss), 0.5 * (1 + np.tanh(0.5 * logits)) - x


def gaussian_kl(mu: Array, logvar: Array) -> tuple[Array, Array, Array]:
    """KL(N(mu, exp logvar) ‖ N(0, I)), and its derivatives by mu and logvar."""
    excess = np.expm1(logvar)  # σ² − 1
    return 0.5 * (mu**2 + excess - logvar).sum(1), mu, 0.5 * excess


def reparameterise(mu: Array, logvar: Array, noise: Array) -> Array:
    """z = mu + σ·noise, a sample of q(z|x)."""
    z: Array = mu + np.exp(0.5 * logvar) * noise
    return z


def reparameterise_backward(grad: Array, logvar: Array, noise: Array) -> tuple[Array, Array]:
    """dL/dmu and dL/dlogvar from dL/dz."""
    return grad, grad * 0.5 * np.exp(0.5 * logvar) * noise


def _per_image(loss: Array) -> Array:
    total: Array = loss.reshape(len(loss), -1).sum(1)
    return total
