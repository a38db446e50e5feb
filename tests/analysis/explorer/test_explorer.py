"""What the explorer's page is made of: the library unchanged, the right model, its pictures, what is said of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.explorer import subject
from analysis.explorer.batch import describe
from analysis.explorer.page import SCRIPTS
from analysis.explorer.runtime import DIGESTS, FOLDER, VERSION, runtime
from models.checkpoint import save_model
from models.config import Condition, VAEConfig
from models.errors import UserError
from models.vae import VAE
from tests.studies import LAPTOP

CONFIG = VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": [16]}, latent_dim=3)


def model_file(folder: Path, config: VAEConfig = CONFIG) -> Path:
    torch.manual_seed(0)
    save_model(VAE(config), folder / "small.vae")
    return folder / "small.vae"


def explore(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis.explore", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_library_is_the_one_that_its_package_ships() -> None:
    assert {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in DIGESTS} == DIGESTS
    script, wasm = (gzip.decompress(base64.b64decode(part)) for part in runtime().values())
    assert wasm[:4] == b"\0asm" and f"ONNX Runtime Web v{VERSION}".encode() in script[:200]
    assert "MIT License" in (FOLDER / "LICENSE").read_text()


def test_every_script_is_read() -> None:
    scripts = Path(subject.__file__).parent.glob("*.js")
    assert sorted(path.stem for path in scripts) == sorted(SCRIPTS)


def test_pictures_of_a_folder_are_prepared_counted_and_the_rest_is_said(tmp_path: Path) -> None:
    found = subject.saved(model_file(tmp_path))
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.fromarray(np.full((20, 10), 50 * number, np.uint8)).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "bad.png").write_text("no picture")
    pictures, notes = subject.pictures_of(found, tmp_path / "in", None)
    assert pictures.names == ("0.png", "1.png", "2.png") and pictures.images[:, 0, 0, 0].tolist() == [0, 50, 100]
    assert notes == ["1 files of in are no readable pictures"]
    (tmp_path / "none").mkdir()
    for folder in (tmp_path / "none", tmp_path / "nowhere", tmp_path / "small.vae"):
        with pytest.raises(UserError):
            subject.pictures_of(found, folder, None)


def test_without_data_the_pictures_are_the_models_own(tmp_path: Path) -> None:
    found = subject.saved(model_file(tmp_path, CONFIG.model_copy(update={"condition": Condition(classes=4)})))
    pictures, notes = subject.pictures_of(found, None, None)
    assert pictures.images.shape == (100, 1, 8, 8) and pictures.labels is not None and set(pictures.labels) == {0, 1, 2, 3}
    assert len(notes) == 1 and "own samples" in notes[0]


def test_what_is_said_of_the_batch_is_what_arrays_say(tmp_path: Path) -> None:
    found = subject.saved(model_file(tmp_path))
    pictures, _ = subject.pictures_of(found, None, None)
    batch = describe(found, pictures)
    mu, _ = found.codec.encode(pictures.images)
    np.testing.assert_array_equal(batch.mu, mu)
    np.testing.assert_allclose(batch.directions @ batch.directions.T, np.eye(2), atol=1e-9)
    variances = ((mu - mu.mean(0)).astype(float) @ batch.directions.T).var(0) / mu.astype(float).var(0).sum()
    np.testing.assert_allclose(batch.share, variances, rtol=1e-5)
    expected = ((found.codec.decode(mu) - pictures.images / 255) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(batch.errors, expected, rtol=1e-4)


def test_one_picture_and_one_latent_are_a_page_too(tmp_path: Path) -> None:
    found = subject.saved(model_file(tmp_path, CONFIG.model_copy(update={"latent_dim": 1})))
    (tmp_path / "in").mkdir()
    Image.new("L", (8, 8), 128).save(tmp_path / "in" / "only.png")
    batch = describe(found, subject.pictures_of(found, tmp_path / "in", None)[0])
    assert batch.share.tolist() == [0, 0] and np.isfinite(batch.directions).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_model"], "no model store"),
        (["missing.vae"], "missing.vae"),
        (["no_such_study", "--trial", "13"], "is for a study"),
        ([str(LAPTOP), "--trial", "99"], "trial 99 of example has no usable model: choose one of"),
        ([str(LAPTOP), "--trial", "13"], "is not in"),
    ],
)
def test_what_cannot_be_explored_is_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = explore(*arguments, "--registry", tmp_path / "none", "--out", tmp_path / "page.html")
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_a_folder_of_pictures_needs_a_model(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    done = explore(tmp_path / "photos", "--out", tmp_path / "page.html")
    assert done.returncode == 2 and "--pictures" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("named", ["file", "folder"])
def test_the_command_writes_the_page_of_a_model_file(tmp_path: Path, named: str) -> None:
    (tmp_path / "ranked").mkdir()
    model_file(tmp_path / "ranked").rename(tmp_path / "ranked" / "model.vae")
    model = tmp_path / "ranked" / "model.vae" if named == "file" else tmp_path / "ranked"
    done = explore(model, "--out", tmp_path / "new" / "page.html")
    assert done.returncode == 0, done.stderr
    assert "own samples" in done.stdout and "model.vae" in (tmp_path / "new" / "page.html").read_text()[:400]
