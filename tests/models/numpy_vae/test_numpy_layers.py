"""The layers, losses and optimiser from scratch: derivatives against finite differences, everything against PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from models.numpy_vae import losses as L
from models.numpy_vae.conv import Conv2d, ConvTranspose2d, col2im, im2col
from models.numpy_vae.gradient_check import numerical_gradient, relative_error
from models.numpy_vae.layers import Layer, Linear, ReLU, Reshape, Sigmoid
from models.numpy_vae.norm import BatchNorm
from models.numpy_vae.optim import Adam, exponential_decay, linear_decay, step_decay


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Layers against finite differences ----------------------------------------------------------------------------------

LAYERS: dict[str, tuple[Callable[[], Layer], tuple[int, ...]]] = {
    "linear": (lambda: Linear(4, 3, rng()), (5, 4)),
    "relu": (ReLU, (5, 4)),
    "sigmoid": (Sigmoid, (5, 4)),
    "flatten": (lambda: Reshape(-1), (2, 3, 4, 4)),
    "convolution": (lambda: Conv2d(2, 3, 4, 2, 1, rng()), (2, 2, 6, 8)),
    "convolution, odd": (lambda: Conv2d(1, 2, 3, 2, 0, rng()), (2, 1, 7, 6)),
    "convolution, 1×1": (lambda: Conv2d(3, 2, 1, 1, 0, rng()), (2, 3, 3, 3)),
    "transposed convolution": (lambda: ConvTranspose2d(3, 2, 4, 2, 1, rng()), (2, 3, 3, 4)),
    "transposed convolution, 3×3": (lambda: ConvTranspose2d(2, 1, 3, 1, 1, rng()), (2, 2, 4, 4)),
    "batch normalisation": (lambda: BatchNorm(4), (6, 4)),
    "batch normalisation of images": (lambda: BatchNorm(3), (2, 3, 4, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layers_backward_is_the_derivative_of_its_forward(name: str) -> None:
    """L = Σ y·r with a random r: dL/dx and dL/d(parameter) against central differences."""
    build, shape = LAYERS[name]
    layer, x = build(), rng(1).standard_normal(shape)
    for array in layer.params.values():
        array += 0.1 * rng(2).standard_normal(array.shape)
    r = rng(3).standard_normal(layer.forward(x).shape)

    def loss() -> float:
        return float((layer.forward(x) * r).sum())

    layer.forward(x)
    grad_x = layer.backward(r)
    grads = dict(layer.grads)
    assert grad_x.shape == x.shape
    assert relative_error(grad_x.ravel(), numerical_gradient(loss, x)) < 1e-8
    assert grads.keys() == layer.params.keys()
    for key, array in layer.params.items():
        assert grads[key].shape == array.shape
        assert relative_error(grads[key].ravel(), numerical_gradient(loss, array)) < 1e-8


@given(
    channels=st.integers(1, 3), k=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2), side=st.integers(4, 9)
)
@settings(max_examples=50)
def test_col2im_is_the_transpose_of_im2col(channels: int, k: int, stride: int, padding: int, side: int) -> None:
    """⟨im2col x, y⟩ = ⟨x, col2im y⟩ for all x and y."""
    x = rng().standard_normal((2, channels, side, side + 1))
    columns = im2col(x, k, stride, padding)
    y = rng(1).standard_normal(columns.shape)
    assert np.vdot(columns, y) == pytest.approx(np.vdot(x, col2im(y, x.shape, k, stride, padding)), rel=1e-9, abs=1e-9)


# Layers, losses and Adam against PyTorch ----------------------------------------------------------------------------


@given(
    k=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    height=st.integers(5, 9),
    width=st.integers(5, 9),
    transposed=st.booleans(),
)
@settings(max_examples=60)
def test_convolutions_are_torchs(k: int, stride: int, padding: int, height: int, width: int, transposed: bool) -> None:
    layer = (ConvTranspose2d if transposed else Conv2d)(2, 3, k, stride, padding, rng())
    x = rng(1).standard_normal((2, 2, height, width))
    weight, bias, tx = (torch.tensor(a, requires_grad=True) for a in (layer.params["weight"], layer.params["bias"], x))
    function = F.conv_transpose2d if transposed else F.conv2d
    expected = function(tx, weight, bias, stride=stride, padding=padding)
    y = layer.forward(x)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-9, atol=1e-12)
    r = rng(2).standard_normal(y.shape)
    expected.backward(torch.tensor(r))
    np.testing.assert_allclose(layer.backward(r), tx.grad, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.grads["weight"], weight.grad, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(layer.grads["bias"], bias.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 5)], ids=str)
def test_batch_normalisation_is_torchs(shape: tuple[int, ...]) -> None:
    """Outputs, gradients and running averages over three batches, then evaluation mode."""
    ours = BatchNorm(3)
    theirs = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3).double()
    for seed in range(3):
        x = 2 * rng(seed).standard_normal(shape) + 1
        tx = torch.tensor(x, requires_grad=True)
        y, r = theirs(tx), rng(9).standard_normal(shape)
        y.backward(torch.tensor(r))
        np.testing.assert_allclose(ours.forward(x), y.detach(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.backward(r), tx.grad, rtol=1e-7, atol=1e-10)
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(ours.buffers[name], getattr(theirs, name))
    ours.training = False
    theirs.eval()
    x = rng(5).standard_normal(shape)
    tx = torch.tensor(x, requires_grad=True)
    y = theirs(tx)
    y.backward(torch.tensor(r))
    np.testing.assert_allclose(ours.forward(x), y.detach(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.backward(r), tx.grad, rtol=1e-9, atol=1e-12)


def test_losses_are_torchs() -> None:
    logits, x = 3 * rng().standard_normal((4, 1, 3, 3)), rng(1).random((4, 1, 3, 3))
    t = torch.tensor(logits, requires_grad=True)
    expected = F.binary_cross_entropy_with_logits(t, torch.tensor(x), reduction="none").flatten(1).sum(1)
    expected.sum().backward()
    value, derivative = L.bce_with_logits(logits, x)
    np.testing.assert_allclose(value, expected.detach())
    np.testing.assert_allclose(derivative, t.grad)
    sigmoid = Sigmoid()
    value, derivative = L.bce(sigmoid.forward(logits), x)
    np.testing.assert_allclose(value, expected.detach())
    np.testing.assert_allclose(sigmoid.backward(derivative), t.grad)


def test_losses_stay_finite_at_the_extremes() -> None:
    logits, x = np.array([[1e4, -1e4]]), np.array([[0.0, 1.0]])
    assert L.bce_with_logits(logits, x)[0].tolist() == [2e4]
    assert np.isfinite(L.bce(np.array([[1.0, 0.0]]), x)[0]).all()
    assert Sigmoid().forward(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]


def test_kl_and_sample_are_torchs() -> None:
    mu, logvar, noise = rng().standard_normal((3, 4, 5))
    tensors = [torch.tensor(a, requires_grad=True) for a in (mu, logvar)]
    normal = torch.distributions.Normal(tensors[0], torch.exp(tensors[1] / 2))
    kl = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1)
    kl.sum().backward()
    value, by_mu, by_logvar = L.gaussian_kl(mu, logvar)
    np.testing.assert_allclose(value, kl.detach())
    np.testing.assert_allclose(by_mu, tensors[0].grad)
    np.testing.assert_allclose(by_logvar, tensors[1].grad)
    numerical = numerical_gradient(lambda: float(L.reparameterise(mu, logvar, noise).sum()), logvar)
    np.testing.assert_allclose(L.reparameterise_backward(np.ones_like(mu), logvar, noise)[1].ravel(), numerical, rtol=1e-6)


def test_adam_is_torchs() -> None:
    array = rng().standard_normal(50)
    parameter = nn.Parameter(torch.tensor(array))
    theirs = torch.optim.Adam([parameter], lr=0.01)
    ours = Adam({"p": array})
    for seed in range(20):
        grad = rng(seed).standard_normal(50)
        parameter.grad = torch.tensor(grad)
        theirs.step()
        ours.step({"p": grad}, rate=0.01)
    np.testing.assert_allclose(array, parameter.detach(), rtol=1e-10)


def test_decays() -> None:
    assert exponential_decay(20, 1e-3, 0.5, every=10) == pytest.approx(2.5e-4)
    assert [step_decay(step, 1e-3, 0.5, every=10) for step in (9, 10)] == [1e-3, 5e-4]
    assert linear_decay(100, 1e-4, 2e-7, every=1) == pytest.approx(8e-5)
    assert linear_decay(1000, 1e-4, 2e-7, every=1) == 0
