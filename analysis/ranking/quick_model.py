"""A small VAE for a folder of pictures that no model knows: trained on those very pictures, in a minute or two.

Being trained on the batch it will rank is no flaw here: the question is what this batch has in common, and a small model
learns that first.  With few pictures every one of them is seen often, so steps are limited to `EPOCHS` passes.
"""

from __future__ import annotations

import hashlib

import numpy as np

from models.errors import UserError
from models.vae import VAE
from registry.console import progress
from study.config import Training, TrialConfig
from study.datasets import Dataset, Images
from study.training.run import Run

__all__ = ["train_on"]

STEPS = 2_000
EPOCHS = 400
BATCH_SIZE = 64
REPORTS = 20


def train_on(images: Images, name: str, seed: int = 0, steps: int | None = None) -> VAE:
    """A VAE with 10 latents trained on all images.  Raises `UserError` when nothing could be learnt from them."""
    passes = max(1, -(-len(images) // BATCH_SIZE))
    steps = min(STEPS, EPOCHS * passes) if steps is None else steps
    config = TrialConfig(
        dataset=f"folder:{name}",
        latent_dim=10,
        objective="beta_vae",
        objective_options={"beta": 1.0, "schedule": "warmup", "beta_start": 0.01, "window": 0.5},
        training=Training(steps=steps, batch_size=min(BATCH_SIZE, len(images))),
    )
    run = Run(config, _as_dataset(images, name), seed, reports=REPORTS)
    for _ in progress(run.advance(), REPORTS, "training a small model"):
        pass
    if run.status == "diverged":
        raise UserError(f"no model could be trained on {name}: {run.reason}")
    return run.model.eval()


def _as_dataset(images: Images, name: str) -> Dataset:
    rows = np.arange(len(images))
    digest = hashlib.sha256(np.ascontiguousarray(images[rows[:100]]).tobytes()).hexdigest()
    return Dataset(f"folder:{name}", "folder", digest, images, {"train": rows, "validation": rows, "test": rows})
