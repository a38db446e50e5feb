"""The VAE from scratch: an oracle for `models.vae`, checked by finite differences, and trained."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.config import VAEConfig
from models.errors import UserError
from models.numpy_vae.gradient_check import check_gradients, error_by_step_size, relative_error
from models.numpy_vae.layers import Chain, Linear, ReLU, Reshape, Sigmoid
from models.numpy_vae.model import NumpyVAE, cnn, mlp
from models.numpy_vae.optim import Adam, exponential_decay
from models.numpy_vae.train import batches, train
from models.vae import VAE
from study.reproduction.numpy_cost import measure, sheet
from tests.models import helpers
from tests.models.test_golden import BATCH, GOLDEN, LATENTS, STEPS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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
    # Sigmoids, for they are smooth: across the kink of a ReLU large steps would measure something else.
    encoder = Chain(Reshape(-1), Linear(16, 8, rng(2)), Sigmoid(), Linear(8, 4, rng(3)))
    decoder = Chain(Linear(2, 8, rng(4)), Sigmoid(), Linear(8, 16, rng(5)), Reshape(1, 4, 4))
    model = NumpyVAE(encoder, decoder, latent_dim=2, dtype="float64")
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
    assert re.fullmatch(
        r"cnn, batch 4: NumPy .* ms a step, PyTorch .* ms, ratio .*; steps raise the peak by .* MB; .* MB", sheet(costs)
    )


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
