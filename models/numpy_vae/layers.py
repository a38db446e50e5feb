"""Layers without convolution, and the chain that joins layers.

linear   y = x Wᵀ + b      dL/dx = g W      dL/dW = gᵀ x      dL/db = Σ_n g_n       (g = dL/dy)
ReLU     y = max(x, 0)     dL/dx = g·[x > 0]
sigmoid  y = 1/(1 + e⁻ˣ)   dL/dx = g·y(1 − y)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Chain", "Layer", "Linear", "ReLU", "Reshape", "Sigmoid", "uniform_init"]

Array = NDArray[Any]
"""float32 or float64."""


class Layer:
    """A function with a derivative.  `params` and `grads` have the same keys and shapes; `buffers` are not trained."""

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}

    def forward(self, x: Array) -> Array:
        """y = f(x), keeping what `backward` needs."""
        raise NotImplementedError

    def backward(self, grad: Array) -> Array:
        """dL/dx from dL/dy; sets `grads`."""
        raise NotImplementedError


class Linear(Layer):
    """(N, fan_in) → (N, fan_out)."""

    def __init__(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.params = uniform_init(rng, fan_in, (fan_out, fan_in), fan_out)

    def forward(self, x: Array) -> Array:
        self._x = x
        return x @ self.params["weight"].T + self.params["bias"]

    def backward(self, grad: Array) -> Array:
        self.grads = {"weight": grad.T @ self._x, "bias": grad.sum(0)}
        return grad @ self.params["weight"]


class ReLU(Layer):
    """max(x, 0); the derivative at 0 is taken as 0, as everybody does."""

    def forward(self, x: Array) -> Array:
        self._positive = x > 0
        return x * self._positive

    def backward(self, grad: Array) -> Array:
        return grad * self._positive


class Sigmoid(Layer):
    """1/(1 + e⁻ˣ), as ½(1 + tanh ½x), which cannot overflow."""

    def forward(self, x: Array) -> Array:
        self._y = 0.5 * (1 + np.tanh(0.5 * x))
        return self._y

    def backward(self, grad: Array) -> Array:
        return grad * self._y * (1 - self._y)


class Reshape(Layer):
    """(N, …) → (N, *shape); `Reshape(-1)` flattens."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self._shape = shape

    def forward(self, x: Array) -> Array:
        self._before = x.shape
        return x.reshape(len(x), *self._shape)

    def backward(self, grad: Array) -> Array:
        return grad.reshape(self._before)


class Chain:
    """Layers one after the other.  Parameters are named `0.weight`, `0.bias`, … by the layer's place, as in PyTorch."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Array) -> Array:
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def named_params(self) -> Iterator[tuple[str, Array]]:
        """Every parameter; the array itself, to be changed in place."""
        for place, layer in enumerate(self.layers):
            yield from ((f"{place}.{name}", array) for name, array in layer.params.items())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """What layers remember besides parameters: running averages."""
        for place, layer in enumerate(self.layers):
            yield from ((f"{place}.{name}", array) for name, array in layer.buffers.items())

    def named_grads(self) -> Iterator[tuple[str, Array]]:
        """Every gradient of the last `backward`."""
        for place, layer in enumerate(self.layers):
            yield from ((f"{place}.{name}", array) for name, array in layer.grads.items())


def uniform_init(rng: np.random.Generator, fan_in: int, weight_shape: tuple[int, ...], biases: int) -> dict[str, Array]:
    """Weight, and bias if there are any, uniform in ±1/√fan_in: PyTorch's default, so that curves can be compared."""
    bound = 1 / math.sqrt(fan_in)
    weight = {"weight": rng.uniform(-bound, bound, weight_shape)}
    return {**weight, "bias": rng.uniform(-bound, bound, biases)} if biases else weight
