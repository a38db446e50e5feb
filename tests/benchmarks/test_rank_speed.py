"""10,000 pictures of 64×64 ranked, with files, page and explanations, in at most 60 s on two cores and 2 GB."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoint import save_model
from models.config import VAEConfig
from models.vae import VAE

PICTURES = 10_000
SECONDS = 60
GIGABYTES = 2.0


@pytest.mark.benchmark
def test_ten_thousand_pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    texture = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for number in range(PICTURES):
        picture = np.roll(texture, tuple(generator.integers(0, 64, 2)), axis=(0, 1)) // generator.integers(1, 4)
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number:05d}.png")
    save_model(VAE(VAEConfig(image_shape=(3, 64, 64), latent_dim=10)), tmp_path / "model.vae")

    command = [sys.executable, "-m", "analysis.rank", str(folder), "--model", str(tmp_path / "model.vae")]
    started = time.perf_counter()
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(
        f"\n{PICTURES} pictures of 64×64 ranked in {seconds:.1f} s, {gigabytes:.2f} GB at most, {torch.get_num_threads()} threads"
    )

    assert done.returncode == 0, done.stderr
    assert seconds <= SECONDS
    assert gigabytes <= GIGABYTES
