"""Copies of a picture are one picture, also where they were saved again; pictures that are merely alike are not."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from study.datasets import ArrayImages
from study.datasets.digits import load
from study.views import alike


def scenes(n: int = 40, side: int = 64) -> np.ndarray:
    """Random scenes of little colour, (n, 3, side, side)."""
    generator = np.random.default_rng(0)
    x = gaussian_filter(generator.normal(0, 1, (n, 1, side, side)), (0, 0, 3, 3)) + np.zeros((1, 3, 1, 1))
    x += 0.2 * gaussian_filter(generator.normal(0, 1, x.shape), (0, 0, 3, 3))
    return np.clip(128 + 60 * x / x.std((1, 2, 3), keepdims=True), 0, 255).astype(np.uint8)


def saved_again(picture: np.ndarray, kind: str) -> np.ndarray:
    image, buffer = Image.fromarray(picture.transpose(1, 2, 0)), io.BytesIO()
    if kind == "one level":
        changed = picture.astype(int) + np.random.default_rng(1).integers(-1, 2, picture.shape)
        return changed.clip(0, 255).astype(np.uint8)
    if kind == "larger":
        image = image.resize((150, 150), Image.Resampling.BICUBIC)
    image.save(buffer, "PNG" if kind == "larger" else "JPEG", **({} if kind == "larger" else {"quality": int(kind)}))
    return np.asarray(Image.open(buffer).resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


@pytest.mark.parametrize("kind", ["one level", "larger", "90", "75"])
def test_a_copy_that_was_saved_again_is_the_same_picture(kind: str) -> None:
    images = scenes()
    images[[9, 31]] = saved_again(images[4], kind), images[4]
    expected = np.arange(40)
    expected[[9, 31]] = 4
    np.testing.assert_array_equal(alike(ArrayImages(images)), expected)


def test_many_copies_are_one_picture_whichever_are_nearest() -> None:
    """Fifteen copies of two kinds, each nearer to its own kind than to the other."""
    images, generator = scenes(60), np.random.default_rng(0)
    for row in range(20, 50):
        changed = (images[3] if row < 35 else saved_again(images[3], "75")) + generator.integers(-1, 2, images[3].shape)
        images[row] = changed.clip(0, 255)
    images = np.concatenate([images, 255 - scenes(100)])
    found = alike(ArrayImages(images))
    assert set(found[20:50].tolist()) == {3} and len(set(found.tolist())) == 130


def test_a_sprite_one_pixel_farther_down_a_spot_and_another_digit_are_other_pictures() -> None:
    sprites = np.zeros((60, 1, 64, 64), np.uint8)
    for row in range(40):
        sprites[row, 0, row : row + 12, 20:32] = 255
    for row in range(40, 60):
        sprites[row, 0, row - 20 : row - 8, 21:33] = 255
    np.testing.assert_array_equal(alike(ArrayImages(sprites)), np.arange(60))
    spotted = scenes()
    spotted[7] = spotted[2]
    spotted[7, :, 30, 30] ^= 255
    np.testing.assert_array_equal(alike(ArrayImages(spotted)), np.arange(40))


def test_digits_are_different_pictures(tmp_path) -> None:
    images = load(tmp_path, None).images[np.arange(600)]
    assert len(np.unique(alike(ArrayImages(images)))) == 600


def test_one_picture_two_and_blank_ones() -> None:
    blank = np.zeros((5, 1, 1, 1), np.uint8)
    np.testing.assert_array_equal(alike(ArrayImages(blank)), np.zeros(5))
    blank[3] = 9
    np.testing.assert_array_equal(alike(ArrayImages(blank)), [0, 0, 0, 3, 0])
    noise = np.random.default_rng(0).integers(118, 138, (50, 1, 32, 32)).astype(np.uint8)
    np.testing.assert_array_equal(alike(ArrayImages(noise)), np.arange(50))


def test_a_folder_where_every_picture_has_a_copy_takes_little_memory() -> None:
    """As many groups as half of the pictures: their pairs are millions."""
    generator = np.random.default_rng(0)
    scenes = np.kron(generator.integers(0, 256, (1500, 1, 8, 8)), np.ones((2, 2), int))
    copies = (scenes + generator.integers(-1, 2, scenes.shape)).clip(0, 255)
    images = ArrayImages(np.concatenate([scenes, copies]).astype(np.uint8))
    tracemalloc.start()
    try:
        found = alike(images)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, np.tile(np.arange(1500), 2))
    assert most < 300e6
