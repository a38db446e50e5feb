"""Convolution and transposed convolution as matrix products (im2col; Chellapilla et al. 2006).

`im2col` lays every k×k patch that the kernel meets out as a column, so that a convolution is one matrix product; `col2im`,
its transpose, adds columns back to where they came from.  In these terms, with W as a (C_out, C_in·k·k) matrix:

    convolution              y = W im2col(x)         dL/dx = col2im(Wᵀ g)     dL/dW = g im2col(x)ᵀ
    transposed convolution   y = col2im(Wᵀ x)        dL/dx = W im2col(g)      dL/dW = x im2col(g)ᵀ

Each one's forward pass is the other one's backward pass: that is what "transposed" means.

Shapes: x (N, C, H, W); columns (N, C·k·k, L) with L = H'·W' places of the kernel; weights as in PyTorch.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.numpy_vae.layers import Array, Layer, uniform_init

__all__ = ["Conv2d", "ConvTranspose2d", "col2im", "im2col"]


def im2col(x: Array, k: int, stride: int, padding: int) -> Array:
    """(N, C, H, W) → (N, C·k·k, L).

    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), k=2, stride=1, padding=0)[0, :, 0]  # the upper left patch
    array([0., 1., 3., 4.])
    """
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]  # N C H' W' k k
    n, c, height, width = windows.shape[:4]
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * k * k, height * width)


def col2im(columns: Array, shape: tuple[int, int, int, int], k: int, stride: int, padding: int) -> Array:
    """The transpose of `im2col`: (N, C·k·k, L) → (N, C, H, W) = `shape`.  Where patches overlap, they add up."""
    n, c, height, width = shape
    rows, cols = (((side + 2 * padding - k) // stride + 1) for side in (height, width))
    patches = columns.reshape(n, c, k, k, rows, cols)
    image = np.zeros((n, c, height + 2 * padding, width + 2 * padding), columns.dtype)
    for i in range(k):
        for j in range(k):
            image[:, :, i : i + stride * rows : stride, j : j + stride * cols : stride] += patches[:, :, i, j]
    return image[:, :, padding : padding + height, padding : padding + width]


class Conv2d(Layer):
    """(N, C_in, H, W) → (N, C_out, H', W'), H' = ⌊(H + 2·padding − k)/stride⌋ + 1."""

    def __init__(
        self, c_in: int, c_out: int, k: int, stride: int, padding: int, rng: np.random.Generator, *, bias: bool = True
    ) -> None:
        super().__init__()
        self._geometry = k, stride, padding
        self.params = uniform_init(rng, c_in * k * k, (c_out, c_in, k, k), c_out if bias else 0)

    def forward(self, x: Array) -> Array:
        k, stride, padding = self._geometry
        self._shape = x.shape
        self._columns = im2col(x, k, stride, padding)
        rows, cols = (((side + 2 * padding - k) // stride + 1) for side in x.shape[2:])
        y = _matrix(self.params["weight"]) @ self._columns
        return _plus_bias(y.reshape(len(x), -1, rows, cols), self.params)

    def backward(self, grad: Array) -> Array:
        weight = self.params["weight"]
        flat = grad.reshape(*grad.shape[:2], -1)
        self.grads = _grads(self.params, _product(flat, self._columns), grad)
        n, c, height, width = self._shape
        return col2im(_matrix(weight).T @ flat, (n, c, height, width), *self._geometry)


class ConvTranspose2d(Layer):
    """(N, C_in, H, W) → (N, C_out, H', W'), H' = (H − 1)·stride − 2·padding + k.  Weight (C_in, C_out, k, k)."""

    def __init__(
        self, c_in: int, c_out: int, k: int, stride: int, padding: int, rng: np.random.Generator, *, bias: bool = True
    ) -> None:
        super().__init__()
        self._geometry = k, stride, padding
        self.params = uniform_init(rng, c_out * k * k, (c_in, c_out, k, k), c_out if bias else 0)

    def forward(self, x: Array) -> Array:
        k, stride, padding = self._geometry
        self._x = x.reshape(*x.shape[:2], -1)
        self._side = x.shape[2:]
        rows, cols = ((side - 1) * stride - 2 * padding + k for side in self._side)
        weight = self.params["weight"]
        y = col2im(_matrix(weight).T @ self._x, (len(x), weight.shape[1], rows, cols), k, stride, padding)
        return _plus_bias(y, self.params)

    def backward(self, grad: Array) -> Array:
        weight = self.params["weight"]
        columns = im2col(grad, *self._geometry)
        self.grads = _grads(self.params, _product(self._x, columns), grad)
        return (_matrix(weight) @ columns).reshape(len(grad), -1, *self._side)


def _plus_bias(y: Array, params: dict[str, Array]) -> Array:
    return y + params["bias"][:, None, None] if "bias" in params else y


def _grads(params: dict[str, Array], weight: Array, grad: Array) -> dict[str, Array]:
    """Gradients by parameter: the weight's, still a matrix, and the bias's, the sum of dL/dy wherever it was added."""
    grads = {"weight": weight.reshape(params["weight"].shape)}
    return {**grads, "bias": grad.sum((0, 2, 3))} if "bias" in params else grads


def _matrix(weight: Array) -> Array:
    """(A, B, k, k) → (A, B·k·k)."""
    return weight.reshape(len(weight), -1)


def _product(left: Array, right: Array) -> Array:
    """Σ_n left_n · right_nᵀ: (N, A, L), (N, B, L) → (A, B)."""
    product: Array = np.tensordot(left, right, axes=((0, 2), (0, 2)))
    return product
