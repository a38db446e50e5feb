"""The parts every data set is built from: images by row, digests, splits, the grid of factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from study.datasets import ArrayImages, Dataset, PackedImages
from study.datasets._dataset import content_digest, cut_validation, random_parts
from study.datasets._factor_grid import FactorGrid

GRID = FactorGrid(("shape", "scale", "angle"), (3, 6, 4), tuple(np.linspace(0, 1, n) for n in (3, 6, 4)))
grids = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(
    lambda sizes: FactorGrid(tuple("abcd"[: len(sizes)]), tuple(sizes))
)


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32))
def test_packed_images_are_the_same_images(channels, height, width, seed):
    pictures = np.random.default_rng(seed).integers(0, 2, (5, channels, height, width), dtype=np.uint8) * np.uint8(255)
    packed = PackedImages(np.packbits(pictures.reshape(5, -1) > 0, axis=1), pictures.shape[1:])
    rows = np.array([4, 0, 0])
    assert (packed[rows] == ArrayImages(pictures)[rows]).all()
    assert (len(packed), packed.image_shape) == (5, ArrayImages(pictures).image_shape)


def test_digest_depends_on_pictures_order_shape_factors_and_labels():
    pictures = np.arange(48, dtype=np.uint8).reshape(3, 1, 4, 4)
    labels, other = np.array([0, 1, 2]), np.array([0, 2, 1])
    digests = [
        content_digest(ArrayImages(pictures)),
        content_digest(ArrayImages(pictures[::-1])),
        content_digest(ArrayImages(pictures.reshape(3, 1, 2, 8))),
        content_digest(ArrayImages(pictures), factors=labels[:, None]),
        content_digest(ArrayImages(pictures), labels=labels),
        content_digest(ArrayImages(pictures), labels=other),
    ]
    assert len(set(digests)) == len(digests)
    assert digests[0] == content_digest(ArrayImages(pictures.copy()))


def test_with_labels_is_the_data_set_with_those_labels():
    images, labels = ArrayImages(np.arange(48, dtype=np.uint8).reshape(3, 1, 4, 4)), np.array([0, 1, 1])
    plain = Dataset("toy", "made", content_digest(images), images, random_parts(3))
    labelled = plain.with_labels(labels, ("no", "yes"))
    assert labelled.digest == content_digest(images, labels=labels)
    labelled.verify()


def test_verify_notices_one_changed_pixel():
    pictures = np.zeros((20_000, 1, 2, 2), np.uint8)
    images = ArrayImages(pictures)
    dataset = Dataset("toy", "made", content_digest(images), images, random_parts(20_000))
    dataset.verify()
    pictures[19_999, 0, 1, 1] = 1
    with pytest.raises(UserError, match="data set toy has changed on disk"):
        dataset.verify()


@given(st.integers(3, 400), st.integers(0, 10))
def test_random_parts_cover_everything_once(count, seed):
    parts = random_parts(count, seed=seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(count))
    assert all(len(rows) for rows in parts.values())
    assert (parts["test"] == random_parts(count, seed=seed)["test"]).all()


def test_too_few_images_are_refused():
    with pytest.raises(UserError, match=r"at least 3 images .* got 2"):
        random_parts(2)
    with pytest.raises(UserError, match="2 training images and 1 test image are needed, but got 1 and 2"):
        cut_validation(np.array([False, True, True]))
    with pytest.raises(UserError, match="but got 3 and 0"):
        cut_validation(np.array([False, False, False]))


@given(st.lists(st.booleans(), min_size=4, max_size=200).filter(lambda test: any(test) and test.count(False) >= 2))
def test_cut_validation_keeps_the_test_part(test):
    part = cut_validation(np.array(test))
    assert ((part == 2) == test).all()
    assert (part == 1).sum() == max(1, round(0.1 * test.count(False)))


@given(grids, st.integers(0, 2**32))
def test_rows_and_factors_are_two_names(grid, seed):
    rows = np.random.default_rng(seed).integers(0, len(grid), (2, 7))
    factors = grid.factors_of(rows)
    assert factors.shape == (2, 7, len(grid.sizes))
    assert (grid.index_of(factors) == rows).all()
    assert (grid.values_of(factors) == factors).all(), "without values, the index"


@given(grids, st.data())
def test_a_sweep_changes_one_factor_only(grid, data):
    name = data.draw(st.sampled_from(grid.names))
    at = data.draw(st.integers(0, len(grid) - 1))
    factors = grid.factors_of(grid.sweep(name, at))
    column = grid.position(name)
    assert factors[:, column].tolist() == list(range(grid.sizes[column]))
    assert (np.delete(factors, column, axis=1) == np.delete(grid.factors_of(at), column)).all()


def test_samples_keep_what_is_fixed_and_vary_the_rest():
    factors = GRID.factors_of(GRID.sample(500, np.random.default_rng(0), {"shape": 1, "angle": 3}))
    assert set(factors[:, 0]) == {1}
    assert set(factors[:, 2]) == {3}
    assert set(factors[:, 1]) == set(range(6))


def test_values_are_those_of_the_indices():
    assert GRID.values_of([2, 5, 1]).tolist() == [1.0, 1.0, 1 / 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GRID.index_of([0, 6, 0]), r"0 <= factor < size must hold for sizes \(3, 6, 4\), but got \[0, 6, 0\]"),
        (lambda: GRID.index_of([0, 0]), "factors must end in 3 entries"),
        (lambda: GRID.factors_of(72), r"0 <= row < 72 must hold, but got rows 72\.\.72"),
        (lambda: GRID.factors_of(-1), "0 <= row < 72"),
        (lambda: GRID.sweep("colour"), "unknown factor 'colour': choose one of shape, scale, angle"),
        (lambda: GRID.sample(3, np.random.default_rng(0), {"shape": 3}), "0 <= factor < size"),
    ],
)
def test_outside_the_grid_is_one_line(call, message):
    with pytest.raises(UserError, match=message):
        call()
