"""The VAE from scratch: its derivatives against finite differences, all of it against PyTorch, and the other way round."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from models.config import VAEConfig
from models.errors import UserError
from models.numpy_vae import losses as L
from models.numpy_vae.compare import measure, sheet
from models.numpy_vae.conv import Conv2d, ConvTranspose2d, col2im, im2col
from models.numpy_vae.gradient_check import check_gradients, error_by_step_size, numerical_gradient, relative_error
from models.numpy_vae.layers import Layer, Linear, ReLU, Reshape, Sigmoid
from models.numpy_vae.model import NumpyVAE, cnn, mlp
from models.numpy_vae.norm import BatchNorm
from models.numpy_vae.optim import Adam, exponential_decay, linear_decay, step_decay
from models.numpy_vae.train import batches, train
from models.vae import VAE
from tests.models import helpers
from tests.models.test_golden import BATCH, GOLDEN, LATENTS, STEPS


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
@settings(deadline=None, max_examples=50)
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
@settings(deadline=None, max_examples=60)
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


# The whole model: an oracle for models.vae --------------------------------------------------------------------------


def pair(architecture: str, dtype: torch.dtype, shape: tuple[int, int, int] = (1, 32, 32)) -> tuple[VAE, NumpyVAE]:
    """A torch VAE and the NumPy one with its weights."""
    torch.manual_seed(0)
    name = "float64" if dtype == torch.float64 else "float32"
    options: dict[str, object] = {"hidden": [40, 20]} if architecture == "mlp" else {"channels": 8}
    if architecture == "mlp":
        ours = mlp(shape, (40, 20), 6, dtype=name)
    elif architecture == "burgess":
        options["hidden"] = 32
        ours = cnn(shape, (8,) * 3, (32, 32), 6, dtype=name)
    else:
        normed = architecture == "cnn with batch norm"
        options |= {"hidden": [32, 16], "batch_norm": normed}
        ours = cnn(shape, (8,) * 3, (32, 16), 6, batch_norm=normed, dtype=name)
    plugin = architecture.partition(" ")[0]
    config = VAEConfig(image_shape=shape, architecture=plugin, architecture_options=options, latent_dim=6)
    theirs = VAE(config).to(dtype)
    ours.set_state(arrays_of(theirs))
    return theirs, ours


def arrays_of(model: VAE) -> dict[str, np.ndarray]:
    """Its state dictionary, but for PyTorch's count of batches, which no formula uses."""
    state = model.state_dict().items()
    return {key: tensor.numpy() for key, tensor in state if not key.endswith("num_batches_tracked")}


@pytest.mark.parametrize("beta", [1.0, 4.0])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 64, 32)], ids=str)
@pytest.mark.parametrize("architecture", ["mlp", "burgess", "cnn", "cnn with batch norm"])
@pytest.mark.parametrize(
    ("dtype", "loss_within", "gradients_within"), [(torch.float32, 1e-5, 1e-4), (torch.float64, 1e-13, 1e-11)], ids=str
)
def test_torch_has_the_loss_and_the_gradients_of_the_from_scratch_vae(
    architecture: str,
    shape: tuple[int, int, int],
    beta: float,
    dtype: torch.dtype,
    loss_within: float,
    gradients_within: float,
) -> None:
    """Relative errors of the loss and of each parameter's gradient: as both are used, and to the last digits."""
    theirs, ours = pair(architecture, dtype, shape)
    x, noise = helpers.images(16, shape).to(dtype), helpers.noise(16, 6).to(dtype)
    terms = theirs(x, noise)
    expected = terms.nll_B.mean() + beta * terms.kl_BD.sum(1).mean()
    expected.backward()
    losses, grads = ours.loss_and_gradients(x.numpy(), noise.numpy(), beta)
    assert losses.loss == pytest.approx(expected.item(), rel=loss_within)
    assert losses.recon == pytest.approx(terms.nll_B.mean().item(), rel=loss_within)
    assert losses.kl == pytest.approx(terms.kl_BD.sum(1).mean().item(), rel=loss_within)
    for name, parameter in theirs.named_parameters():
        assert relative_error(grads[name], parameter.grad.numpy()) < gradients_within, name


@pytest.mark.parametrize("architecture", ["mlp", "cnn with batch norm"])
def test_a_model_trained_here_encodes_and_decodes_alike_in_torch(architecture: str) -> None:
    theirs, ours = pair(architecture, torch.float32)
    x = helpers.images(3, (1, 32, 32))
    list(train(ours, (255 * helpers.images(32, (1, 32, 32))).numpy().astype(np.uint8), 5, batch_size=8))
    trained = {key: torch.tensor(array) for key, array in ours.state().items()}
    unmatched = theirs.load_state_dict(trained, strict=False)
    assert not unmatched.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in unmatched.missing_keys)
    theirs.eval()
    mu, logvar = ours.encode(x.numpy())
    with torch.inference_mode():
        expected_mu, expected_logvar = theirs.encode(x)
        pictures = theirs.decode(expected_mu)
    np.testing.assert_allclose(mu, expected_mu, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logvar, expected_logvar, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.decode(mu), pictures, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("build", ["mlp", "cnn", "cnn with batch norm"])
def test_every_gradient_of_the_model_by_finite_differences(build: str) -> None:
    shape = (1, 8, 8)
    if build == "mlp":
        model = mlp(shape, (10,), 3, dtype="float64")
    else:
        model = cnn(shape, (3, 4), (6,), 3, batch_norm=build != "cnn", dtype="float64")
    x, noise = rng().random((4, *shape)), rng(1).standard_normal((4, 3))
    errors = check_gradients(model, x, noise, beta=2.0, entries=12)
    assert errors.keys() == model.params().keys()
    assert max(errors.values()) < 1e-6


def test_a_wrong_derivative_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself must be able to fail: a ReLU that lets every gradient through."""
    monkeypatch.setattr(ReLU, "backward", lambda self, grad: grad)
    errors = check_gradients(mlp((1, 4, 4), (8,), 2, dtype="float64"), rng().random((4, 1, 4, 4)), rng(1).random((4, 2)))
    assert max(errors.values()) > 1e-2


def test_the_error_over_the_step_size_is_a_v() -> None:
    """Central differences are best near 1e-5, forward ones near 1e-8, both get worse in either direction."""
    model = mlp((1, 4, 4), (8,), 2, dtype="float64")
    for layer in (*model.encoder.layers, *model.decoder.layers):
        if isinstance(layer, ReLU):
            layer.__class__ = Sigmoid  # smooth: at a kink large steps would measure something else
    picture = error_by_step_size(model, rng().random((4, 1, 4, 4)), rng(1).standard_normal((4, 2)), np.logspace(-12, -1, 12))
    assert picture.keys() == {"h", "central", "forward"}
    best_central, best_forward = (picture["h"][picture[kind].argmin()] for kind in ("central", "forward"))
    assert 1e-7 < best_central < 1e-3
    assert 1e-10 < best_forward < 1e-6
    assert picture["central"].min() < 1e-8 < picture["forward"].min() < 1e-5
    for kind in ("central", "forward"):
        assert picture[kind][[0, -1]].min() > 30 * picture[kind].min()


def test_parameters_of_another_model_are_refused() -> None:
    values = mlp((1, 4, 4), (8,), 3).params()
    with pytest.raises(UserError, match=r"names and shapes, but these differ: decoder\.0\.weight, encoder\.3\.bias"):
        mlp((1, 4, 4), (8,), 2).set_state(values)


def test_an_image_that_does_not_halve_is_refused() -> None:
    with pytest.raises(UserError, match="3 convolutions need image sides divisible by 8, but got 28x28"):
        cnn((1, 28, 28), (4, 4, 4), (8,), 2)


# Training -----------------------------------------------------------------------------------------------------------


def test_adam_and_loss_reproduce_the_golden_curve_of_the_torch_vae() -> None:
    """Ten steps of `vae` and `beta 4` in tests/models/golden.json, without any torch in the training."""
    golden = json.loads(GOLDEN.read_text())
    options = {"architecture": "mlp", "architecture_options": {"hidden": [16]}, "latent_dim": LATENTS}
    initial = VAE(VAEConfig(image_shape=(1, 8, 8), **options))
    helpers.fill_weights(initial)
    for case, beta in (("vae", 1.0), ("beta 4", 4.0)):
        model = mlp((1, 8, 8), (16,), LATENTS)
        model.set_state({key: tensor.numpy() for key, tensor in initial.state_dict().items()})
        optimiser, found = Adam(model.params()), []
        for step in range(STEPS):
            x, noise = helpers.images(BATCH, seed=step).numpy(), helpers.noise(BATCH, LATENTS, seed=100 + step).numpy()
            losses, grads = model.loss_and_gradients(x, noise, beta)
            optimiser.step(grads, rate=1e-2)
            found.append(losses.loss)
        assert found[::2] == pytest.approx(golden[case]["loss"], rel=2e-4)


def strokes(count: int) -> np.ndarray:
    """MNIST-shaped pictures: one bright bar each, upright or lying, at a random place; uint8 (count, 1, 28, 28)."""
    pictures, generator = np.zeros((count, 1, 28, 28), np.uint8), rng()
    for picture in pictures:
        place = generator.integers(4, 22)
        rows, cols = (
            (slice(place, place + 3), slice(4, 24)) if generator.random() < 0.5 else (slice(4, 24), slice(place, place + 3))
        )
        picture[0, rows, cols] = 255
    return pictures


@pytest.mark.parametrize("build", ["mlp", "cnn with batch norm"])
def test_it_learns(build: str) -> None:
    model = mlp((1, 28, 28), (64,), 4) if build == "mlp" else cnn((1, 28, 28), (4, 8), (32,), 4, batch_norm=True)
    history = list(
        train(model, strokes(256), 60, batch_size=32, learning_rate=lambda step: exponential_decay(step, 1e-2, 0.5, 60))
    )
    losses = [step.losses.loss for step in history]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])
    assert [step.number for step in history] == list(range(60))
    assert history[-1].learning_rate < history[0].learning_rate == 1e-2
    assert all(step.gradient_norm > 0 for step in history)


def test_a_seed_decides_a_training() -> None:
    def final(seed: int) -> float:
        return list(train(mlp((1, 28, 28), (8,), 2), strokes(64), 5, batch_size=16, seed=seed))[-1].losses.loss

    assert final(1) == final(1) != final(2)


@given(count=st.integers(1, 40), data=st.data())
@settings(deadline=None)
def test_an_epoch_has_no_image_twice(count: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, count))
    stream = batches(count, size, rng())
    for _ in range(2):
        epoch = np.concatenate([next(stream) for _ in range(count // size)])
        assert len(set(epoch.tolist())) == len(epoch) == count // size * size


@pytest.mark.parametrize("size", [0, 11])
def test_a_batch_that_cannot_be_filled_is_refused(size: int) -> None:
    with pytest.raises(UserError, match="1 <= batch size <= images must hold, but got a batch size of"):
        next(batches(10, size, rng()))


def test_divergence_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match=r"the loss of step \d+ is"), np.errstate(all="ignore"):
        list(train(mlp((1, 28, 28), (8,), 2), strokes(64), 50, batch_size=16, learning_rate=lambda step: 1e6))


def test_the_comparison_measures_both_libraries() -> None:
    costs = [measure(library, "cnn", batch_size=4, steps=2) for library in ("numpy", "torch")]
    assert all(cost.seconds_per_step > 0 and cost.peak_mb > 20 and cost.step_mb >= 0 for cost in costs)
    assert re.fullmatch(r"cnn, batch 4: NumPy .* ms a step, PyTorch .* ms, ratio .*; steps add .* MB; .* MB", sheet(costs))


@pytest.mark.slow
def test_it_learns_mnist_as_torch_does() -> None:
    """300 steps of 784–400–20 from the same weights, on the same batches with the same noise; needs MNIST in VAE_DATA."""
    file = Path(os.environ.get("VAE_DATA", "data")) / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    if not file.exists():
        pytest.skip(f"no {file}")
    images = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    config = VAEConfig(image_shape=(1, 28, 28), architecture="mlp", architecture_options={"hidden": [400]}, latent_dim=20)
    theirs, ours = VAE(config), mlp((1, 28, 28), (400,), 20)
    ours.set_state({key: tensor.numpy() for key, tensor in theirs.state_dict().items()})
    optimiser, generator = torch.optim.Adam(theirs.parameters(), lr=1e-3), rng(7)
    rows, torch_losses = batches(len(images), 128, generator), []
    numpy_losses = [step.losses.loss for step in train(ours, images, 300, seed=7)]
    for _ in range(300):
        x = torch.tensor(images[next(rows)]).float() / 255
        terms = theirs(x, torch.tensor(generator.standard_normal((128, 20))).float())
        loss = terms.nll_B.mean() + terms.kl_BD.sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        torch_losses.append(loss.item())
    print(f"\nMNIST, 300 steps: torch {torch_losses[0]:.2f} → {np.mean(torch_losses[-20:]):.3f}, "
          f"NumPy {numpy_losses[0]:.2f} → {np.mean(numpy_losses[-20:]):.3f} nats")  # fmt: skip
    np.testing.assert_allclose(numpy_losses[:20], torch_losses[:20], rtol=1e-4)
    np.testing.assert_allclose(np.mean(numpy_losses[-20:]), np.mean(torch_losses[-20:]), rtol=1e-2)
    assert np.mean(numpy_losses[-20:]) < 160
