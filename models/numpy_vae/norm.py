"""Batch normalisation (Ioffe & Szegedy 2015).

    x̂ = (x − m)/√(v + ε),    y = γ·x̂ + β,    m and v (biased) over the batch and, for images, over the pixels

m and v depend on every x, which is why three terms are left in the derivative (with g' = γ·dL/dy and means over the batch):

    dL/dx = (g' − mean(g') − x̂·mean(g'·x̂))/√(v + ε)

In evaluation mode running averages (momentum 0.1, v unbiased, as in PyTorch) replace m and v.
"""

from __future__ import annotations

import numpy as np

from models.numpy_vae.layers import Array, Layer

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """(N, C) or (N, C, H, W) → the same shape.  `weight` is γ, `bias` is β."""

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.params = {"weight": np.ones(channels), "bias": np.zeros(channels)}
        self.buffers = {"running_mean": np.zeros(channels), "running_var": np.ones(channels)}
        self.training = True
        self._momentum, self._epsilon = momentum, epsilon

    def forward(self, x: Array) -> Array:
        self._axes = (0, *range(2, x.ndim))
        mean, variance = self._statistics(x) if self.training else self.buffers.values()
        self._std = np.sqrt(_broad(variance, x) + self._epsilon)
        self._normed = (x - _broad(mean, x)) / self._std
        return _broad(self.params["weight"], x) * self._normed + _broad(self.params["bias"], x)

    def backward(self, grad: Array) -> Array:
        self.grads = {"weight": (grad * self._normed).sum(self._axes), "bias": grad.sum(self._axes)}
        inner = grad * _broad(self.params["weight"], grad)
        if self.training:
            along = inner * self._normed
            inner = inner - inner.mean(self._axes, keepdims=True) - self._normed * along.mean(self._axes, keepdims=True)
        return inner / self._std

    def _statistics(self, x: Array) -> tuple[Array, Array]:
        """Mean and biased variance of the batch; updates the running averages."""
        mean, variance = x.mean(self._axes), x.var(self._axes)
        count = x.size // x.shape[1]
        unbiased = variance * count / max(count - 1, 1)
        for running, new in zip(self.buffers.values(), (mean, unbiased), strict=True):
            running += self._momentum * (new - running)
        return mean, variance


def _broad(per_channel: Array, x: Array) -> Array:
    """(C,) → (1, C) or (1, C, 1, 1), to go with x."""
    return per_channel.reshape(1, -1, *(1,) * (x.ndim - 2))
