"""What every data set promises, checked for all of them: a new file in `study/datasets` needs one line in `prepare`."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import UserError
from study.datasets import DATASETS, PARTS, load_dataset
from tests.study.datasets.dataset_trees import write_celeba, write_cifar10, write_mnist, write_pictures


@pytest.fixture(params=DATASETS.names())
def opened(request, tmp_path, monkeypatch):
    """(name, data folder, data set) of every data set; from generated files where the real ones are too large."""
    name, data = request.param, tmp_path
    if name == "dsprites":
        data = request.getfixturevalue("data_folder")
    elif name == "mnist":
        write_mnist(data)
    elif name == "cifar10":
        write_cifar10(data, monkeypatch)
    elif name == "celeba":
        write_celeba(data)
    elif name == "folder":
        write_pictures(tmp_path / "mine" / "red")
        write_pictures(tmp_path / "mine" / "blue")
        name = f"folder:{tmp_path / 'mine'}"
    return name, data, load_dataset(name, data=data)


def test_images_are_bytes_by_row_number(opened):
    _, _, dataset = opened
    rows = np.array([len(dataset) - 1, 0, 3, 3])
    images = dataset.images[rows]
    assert images.shape == (4, *dataset.image_shape)
    assert images.dtype == np.uint8
    assert (images[2] == images[3]).all()
    assert (dataset.images[rows[:1]] == images[:1]).all()
    assert dataset.images[np.array([], dtype=np.int64)].shape == (0, *dataset.image_shape)
    assert images.max() > 1, "grey levels 0..255, not 0..1"


def test_parts_are_disjoint_complete_and_ascending(opened):
    _, _, dataset = opened
    assert set(dataset.parts) == set(PARTS)
    assert all(len(rows) and (np.diff(rows) > 0).all() for rows in dataset.parts.values())
    assert sorted(np.concatenate(list(dataset.parts.values()))) == list(range(len(dataset)))


def test_labels_factors_and_grid_fit_their_names(opened):
    _, _, dataset = opened
    if dataset.labels is not None:
        assert dataset.labels.shape == (len(dataset),)
        assert dataset.labels.dtype == np.int64
        assert 0 <= dataset.labels.min() <= dataset.labels.max() < len(dataset.label_names)
    if dataset.factors is not None:
        assert dataset.factors.shape == (len(dataset), len(dataset.factor_names))
        assert dataset.factors.dtype == np.int64
        assert (np.asarray(dataset.factors).max(axis=0) < dataset.factor_sizes).all()
        assert dataset.factors.min() >= 0
    if dataset.grid is not None:
        assert (dataset.grid.factors_of(np.arange(len(dataset))) == dataset.factors).all()
        assert (dataset.grid.names, dataset.grid.sizes) == (dataset.factor_names, dataset.factor_sizes)
    assert dataset.labels is not None or dataset.factors is not None


def test_opening_again_gives_the_same(opened):
    name, data, dataset = opened
    again = load_dataset(name, data=data)
    assert (again.digest, again.source, again.name) == (dataset.digest, dataset.source, dataset.name)
    assert all((again.parts[part] == dataset.parts[part]).all() for part in PARTS)
    rows = dataset.sample("test", 3)
    assert (again.images[rows] == dataset.images[rows]).all()


def test_the_digest_is_that_of_the_content(opened):
    _, _, dataset = opened
    dataset.verify()


def test_notes_are_single_lines(opened):
    _, _, dataset = opened
    assert all(note and "\n" not in note for note in dataset.notes)


@pytest.mark.parametrize("name", DATASETS.names())
def test_an_unknown_option_is_one_line(name, tmp_path):
    with pytest.raises(UserError, match=r"takes .*, but got colour="):
        load_dataset(name, data=tmp_path, colour="red")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "celeba"])
def test_a_missing_data_set_says_where_to_put_it(name, tmp_path):
    with pytest.raises(UserError, match=f"(?i)missing.*put .* into {tmp_path}") as caught:
        load_dataset(name, data=tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_data_set_lists_the_choices():
    with pytest.raises(UserError, match="unknown dataset 'imagenet': choose one of celeba, cifar10, digits, dsprites"):
        load_dataset("imagenet")
