"""A torch model behind arrays: same numbers, any chunk, and checked input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.codec import Codec, TorchCodec, check_labels, unit_images
from models.config import Condition
from models.errors import UserError
from models.vae import VAE
from tests.models.helpers import small_config


def grey_levels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)


@pytest.fixture
def codec() -> TorchCodec:
    torch.manual_seed(0)
    return TorchCodec(VAE(small_config("mlp", (1, 8, 8))), chunk=4)


@pytest.fixture
def conditional() -> TorchCodec:
    torch.manual_seed(0)
    return TorchCodec(VAE(small_config("mlp", (1, 8, 8), condition=Condition(classes=3))), chunk=4)


def test_it_is_a_codec(codec: TorchCodec) -> None:
    typed: Codec = codec
    mu, logvar = typed.encode(grey_levels(2))
    assert mu.dtype == logvar.dtype == typed.decode(mu).dtype == np.float32


@pytest.mark.parametrize("count", [0, 1, 4, 11])
def test_chunks_give_the_numbers_of_the_model(codec: TorchCodec, count: int) -> None:
    x = grey_levels(count)
    mu, logvar = codec.encode(x)
    with torch.inference_mode():
        expected = codec.model.encode(torch.tensor(x).float() / 255)
        pictures = codec.model.decode(expected[0])
    np.testing.assert_allclose(mu, expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logvar, expected[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(codec.decode(mu), pictures, rtol=1e-5, atol=1e-6)
    assert codec.decode(mu).shape == x.shape


def test_grey_levels_and_fractions_are_the_same_picture(codec: TorchCodec) -> None:
    x = grey_levels(3)
    for alike in (x / 255, (x / 255).astype(np.float32)):
        np.testing.assert_allclose(codec.encode(alike)[0], codec.encode(x)[0], rtol=1e-5, atol=1e-6)


def test_memory_mapped_images_are_fine(codec: TorchCodec, tmp_path: Path) -> None:
    """Read-only arrays: torch warns about sharing them, and warnings are errors here."""
    np.save(tmp_path / "x.npy", grey_levels(5))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(codec.encode(mapped)[0], codec.encode(np.array(mapped))[0])


@pytest.mark.parametrize("training", [True, False])
def test_the_model_keeps_its_mode_and_gets_no_gradients(training: bool) -> None:
    codec = TorchCodec(VAE(small_config("resnet")).train(training))
    before = codec.model.encoder[1].running_mean.clone()
    codec.encode(np.zeros((2, 1, 32, 32), np.uint8))
    assert codec.model.training is training
    assert torch.equal(codec.model.encoder[1].running_mean, before)


def test_labels_reach_the_model(conditional: TorchCodec) -> None:
    x, zeros, ones = grey_levels(9), np.zeros(9, np.int64), np.ones(9, np.int32)
    assert not np.array_equal(conditional.encode(x, zeros)[0], conditional.encode(x, ones)[0])
    labels = torch.ones(9, dtype=torch.int64)
    with torch.inference_mode():
        expected = conditional.model.encode(torch.tensor(x).float() / 255, labels)[0]
    np.testing.assert_allclose(conditional.encode(x, ones)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "rule"),
    [
        (np.zeros((2, 8, 8), np.uint8), r"images must have shape \(N, 1, 8, 8\), but got \(2, 8, 8\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"images must have shape \(N, 1, 8, 8\), but got \(2, 3, 8, 8\)"),
        (np.zeros((2, 1, 8, 8), np.int64), "images must be uint8 in 0..255 or float in .*, but got int64"),
        (np.full((2, 1, 8, 8), 255.0), r"float images must lie in \[0, 1\], but got values from 255 to 255"),
        (np.full((2, 1, 8, 8), np.nan), r"float images must lie in \[0, 1\], but got values from nan to nan"),
        (np.full((2, 1, 8, 8), -0.1), r"float images must lie in \[0, 1\]"),
    ],
)
def test_wrong_images(codec: TorchCodec, images: np.ndarray, rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        codec.encode(images)


def test_wrong_latents(codec: TorchCodec) -> None:
    with pytest.raises(UserError, match=r"z must have shape \(N, 5\), but got \(2, 4\)"):
        codec.decode(np.zeros((2, 4), np.float32))


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (np.array([0, 3]), r"labels 0\.\.2 must hold, but got label 3"),
        (np.array([-1, 0]), r"labels 0\.\.2 must hold, but got label -1"),
        (np.array([0]), r"must be 2 integer labels, but got int64 of shape \(1,\)"),
        (np.array([0.0, 1.0]), "must be 2 integer labels, but got float64"),
    ],
)
def test_wrong_labels(conditional: TorchCodec, labels: np.ndarray, rule: str) -> None:
    for use in (lambda: conditional.encode(grey_levels(2), labels), lambda: conditional.decode(np.zeros((2, 5)), labels)):
        with pytest.raises(UserError, match=rule):
            use()


def test_a_condition_is_given_exactly_where_there_is_one(codec: TorchCodec, conditional: TorchCodec) -> None:
    with pytest.raises(UserError, match="this model has no condition, but a condition was given"):
        codec.encode(grey_levels(1), np.array([0]))
    with pytest.raises(UserError, match="this model has a condition, but no condition was given"):
        conditional.encode(grey_levels(1))


def test_checks_return_what_they_checked() -> None:
    assert unit_images(np.full((1, 1, 1, 1), 51, np.uint8), (1, 1, 1)).item() == pytest.approx(0.2)
    assert check_labels(np.array([1, 0], np.int8), 2, 2).dtype == np.int64


def test_the_inference_modules_do_not_import_torch() -> None:
    """`models`, the configurations, the checks and the from-scratch VAE cost no torch."""
    modules = "models, models.codec, models.config, models.errors, models.files, models.plugins, models.schedules, "
    modules += "models.numpy_vae.model, models.numpy_vae.train, models.numpy_vae.gradient_check"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
