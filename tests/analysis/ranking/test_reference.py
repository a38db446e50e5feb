"""A reference that is empty, unreadable, the folder itself, another kind of picture, or a list: one line, or said on the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.ranking.rank_folder import rank_folder
from analysis.ranking.view_folder import view_folder
from models.errors import UserError


def noise(folder: Path, n: int, mean: float = 90, colour: bool = False, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for number in range(n):
        picture = generator.normal(mean, 20, (16, 16, 3) if colour else (16, 16)).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return noise(tmp_path / "in", 24)


def nothing(path: Path) -> Path:
    path.mkdir()
    return path


def rubbish(path: Path) -> Path:
    nothing(path)
    (path / "a.png").write_bytes(b"no picture")
    return path


def a_file(path: Path) -> Path:
    path.write_bytes(b"\x89PNG")
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (nothing, "has no files"),
        (rubbish, "none of 1 files is a readable picture"),
        (lambda path: path, "cannot read the list"),
        (a_file, "neither a folder nor a list of marks"),
        (lambda path: noise(path, 5), "at least 8 pictures"),
        (lambda path: path.parent / "in", "must be other pictures"),
        (lambda path: path.parent, "every file of .* is in"),
    ],
)
def test_a_reference_that_cannot_be_one(folder: Path, tmp_path: Path, make, says: str) -> None:
    reference = make(tmp_path / "reference")
    with pytest.raises(UserError, match=says) as error:
        view_folder(folder, tmp_path.parent / "never", ("pixels",), reference=reference)
    assert "\n" not in str(error.value) and not (tmp_path.parent / "never").exists()


def test_what_is_unreadable_in_it_is_said(folder: Path, tmp_path: Path) -> None:
    reference = noise(tmp_path / "clean", 40, seed=1)
    (reference / "broken.png").write_bytes(b"no picture")
    record, _ = view_folder(folder, tmp_path / "out", ("pixels",), reference=reference)
    assert any(note.startswith("reference: 1 of 41 files") for note in record["notes"])
    assert record["verdict"] == "nothing odd" and not any("another kind" in note for note in record["notes"])


def test_another_kind_of_picture_is_said_on_the_page(folder: Path, tmp_path: Path) -> None:
    reference = noise(tmp_path / "clean", 200, mean=200, colour=True)
    record, _ = view_folder(folder, tmp_path / "out", ("pixels",), reference=reference)
    page = (tmp_path / "out" / "ranking.html").read_text()
    for said in ("in grey and the reference is in colour", "24 of 24 pictures are unlike the reference"):
        assert any(said in note for note in record["notes"]) and said in page


def test_pictures_of_a_reference_inside_the_folder_are_not_ranked(folder: Path, tmp_path: Path) -> None:
    noise(folder / "clean", 40, seed=2)
    record, _ = view_folder(folder, tmp_path / "out", ("pixels",), reference=folder / "clean")
    assert len(record["pictures"]) == 24 and not any(entry["file"].startswith("clean/") for entry in record["pictures"])


@pytest.mark.slow
def test_a_vae_is_trained_on_folder_and_reference_together(folder: Path, tmp_path: Path) -> None:
    reference = noise(tmp_path / "clean", 40, seed=1)
    record, ranking = rank_folder(folder, tmp_path / "out", score="contrast", reference=reference)
    assert record["made_with"]["model"] == "trained on these pictures and the reference"
    assert "40 reference pictures" in record["made_with"]["context"] and ranking.p_values is not None
    assert np.median(ranking.p_values) > 0.2, "pictures of the folder are as ordinary to it as those of the reference"
