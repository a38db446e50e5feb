"""10,000 pictures of 64×64 ranked, with files, page and reasons, on two cores.

By a model in 60 s and 2 GB; by the views of the default command in 30 s, with pretrained features in 90 s, and 1.5 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.checkpoint import save_model
from models.config import VAEConfig
from models.vae import VAE
from registry.feature_export import pull

PICTURES = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth colour pictures, as JPEG: noise would be slower to read than any photograph."""
    made = tmp_path_factory.mktemp("many") / "pictures"
    made.mkdir()
    generator = np.random.default_rng(0)
    for number in range(PICTURES):
        coarse = Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((64, 64), Image.Resampling.BICUBIC).save(made / f"{number:05d}.jpg", quality=90)
    return made


@pytest.mark.benchmark
def test_by_a_model(folder: Path, tmp_path: Path) -> None:
    save_model(VAE(VAEConfig(image_shape=(3, 64, 64), latent_dim=10)), tmp_path / "model.vae")
    _ranked(folder, tmp_path, 60, 2.0, "--model", str(tmp_path / "model.vae"))


@pytest.mark.benchmark
def test_by_views_without_features(folder: Path, tmp_path: Path) -> None:
    _ranked(folder, tmp_path, 30, 1.5, "--views", "pixels,outlines,statistics")


@pytest.mark.benchmark
def test_by_all_views(folder: Path, tmp_path: Path) -> None:
    pull("efficientnet_lite0", tmp_path / "store")
    _ranked(folder, tmp_path, 90, 1.5)


def _ranked(folder: Path, place: Path, seconds: float, gigabytes: float, *options: str) -> None:
    command = [sys.executable, "-m", "analysis.rank", str(folder), "--out", str(place / "out"), *options]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=_at(place)) as process:
        told = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took, most = time.perf_counter() - started, usage.ru_maxrss / 2**20
    processor = usage.ru_utime + usage.ru_stime
    print(f"\n{PICTURES} pictures {' '.join(options[:1])}: {took:.1f} s ({processor:.1f} s of processors), {most:.2f} GB at most")
    assert process.returncode == 0, told
    assert took <= seconds
    assert most <= gigabytes


def _at(place: Path) -> dict[str, str]:
    return os.environ | {"VAE_REGISTRY": str(place / "store")}
