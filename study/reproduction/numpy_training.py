"""Training a recipe with `models.numpy_vae`: every layer, loss and optimiser written from scratch; no autograd, no torch.

The networks have the same parameters under the same names as the architecture `cnn`, so that the result becomes a
`models.vae.VAE` with the same outputs and is drawn, measured and published like any other.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from models.errors import UserError
from models.numpy_vae.model import NumpyVAE, cnn
from models.numpy_vae.optim import exponential_decay
from models.numpy_vae.train import Step, train
from models.vae import VAE
from study.config import TrialConfig
from study.datasets import Dataset
from study.reproduction.snapshots import FRACTIONS, Snapshot, take
from study.reproduction.training import LINE_SECONDS, Tell, Trained

__all__ = ["build", "to_torch", "train_numpy"]


class TrainingImages:
    """The training part, indexed from 0, as `models.numpy_vae.train` wants it: uint8 (n, C, H, W)."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.rows = dataset, dataset.parts["train"]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        return self.dataset.images[self.rows[rows]]


def build(config: TrialConfig, image_shape: tuple[int, int, int], seed: int) -> NumpyVAE:
    """The network of the configuration.  Raises `UserError` for anything but `cnn` and `beta_vae`."""
    if (config.architecture, config.objective) != ("cnn", "beta_vae"):
        raise UserError(f"the NumPy trainer has cnn and beta_vae, but got {config.architecture} and {config.objective}")
    options = config.architecture_options
    depth = max(1, math.floor(math.log2(min(image_shape[1:]) / 4)))
    channels = (int(options["channels"]),) * depth
    norm = bool(options.get("batch_norm", False))
    return cnn(image_shape, channels, tuple(options["hidden"]), config.latent_dim, batch_norm=norm, seed=seed % 2**32)


def train_numpy(config: TrialConfig, dataset: Dataset, folder: Path, root_seed: int, tell: Tell) -> Trained:
    """Train from scratch; `folder` is not used: these runs are short and start again when interrupted."""
    seed, training = config.seed(root_seed, 0), config.training
    model, images = build(config, dataset.image_shape, seed), TrainingImages(dataset)
    per_epoch = len(images) // training.batch_size
    due = [round(fraction * training.steps) for fraction in FRACTIONS]
    snapshots = [_snapshot(model, config, dataset, due.pop(0))]
    factor = training.lr_final / training.learning_rate if training.lr_schedule == "exponential" else 1.0
    steps: list[dict[str, Any]] = []
    started = told = time.monotonic()
    for step in train(
        model,
        images,  # type: ignore[arg-type]  # an array to everything that `train` does with it
        training.steps,
        batch_size=training.batch_size,
        beta=float(config.objective_options["beta"]),
        learning_rate=lambda number: exponential_decay(number, training.learning_rate, factor, training.steps),
        seed=seed % 2**32,
    ):
        done = step.number + 1
        steps.append(_row(step, per_epoch))
        if due and done >= due[0]:
            due = [later for later in due if later > done]
            snapshots.append(_snapshot(model, config, dataset, done))
        if time.monotonic() - told > LINE_SECONDS:
            told = time.monotonic()
            rate = done / (told - started)
            tell(f"step {done} of {training.steps}: loss {step.losses.loss:.2f} nats; {rate:.1f} steps/s, NumPy")
    return Trained(
        config=config,
        model=to_torch(model, config, dataset),
        seed=seed,
        steps=training.steps,
        steps_per_epoch=per_epoch,
        status="complete",
        reason="",
        seconds=time.monotonic() - started,
        history=pd.DataFrame(steps),
        snapshots=snapshots,
    )


def to_torch(model: NumpyVAE, config: TrialConfig, dataset: Dataset) -> VAE:
    """The torch model with the same outputs, in evaluation mode."""
    vae = VAE(config.model_config_for(dataset.image_shape, len(dataset.label_names)))
    state = {name: torch.tensor(array, dtype=torch.float32) for name, array in model.state().items()}
    counters = {name: tensor for name, tensor in vae.state_dict().items() if name.endswith("num_batches_tracked")}
    vae.load_state_dict(state | counters)
    return vae.eval()


def _snapshot(model: NumpyVAE, config: TrialConfig, dataset: Dataset, step: int) -> Snapshot:
    return take(to_torch(model, config, dataset), step)


def _row(step: Step, per_epoch: int) -> dict[str, Any]:
    done = step.number + 1
    losses = {"loss": step.losses.loss, "recon": step.losses.recon, "kl": step.losses.kl}
    return {
        "step": done,
        "epoch": done / per_epoch,
        **losses,
        "grad_norm": step.gradient_norm,
        "learning_rate": step.learning_rate,
    }
