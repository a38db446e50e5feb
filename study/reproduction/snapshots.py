"""What a training leaves behind on its way, so that it can be watched afterwards: samples, first filters, parameter norms.

One small file a snapshot, named by its step, so that a run that was interrupted keeps what it had.  Samples are decoded from
the same latents every time: only the network changes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models.codec import TorchCodec
from models.files import write_atomically
from models.vae import VAE

__all__ = ["FRACTIONS", "SAMPLES", "Snapshot", "first_filters", "load_snapshots", "parameter_norms", "save_snapshot", "take"]

SAMPLES = 1_000
FILTERS = 32
FRACTIONS = (0.0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of a run, when snapshots are taken: most changes early."""


@dataclass(frozen=True)
class Snapshot:
    """samples  uint8 (1000, C, H, W), decoded from z ~ N(0, I); of a conditional model, labels go round
    filters  float32 (n ≤ 32, c, h, w): the encoder's first layer, as images
    norms    {parameter: Euclidean norm}
    """

    step: int
    samples: NDArray[np.uint8]
    filters: NDArray[np.float32]
    norms: dict[str, float]


def take(model: VAE, step: int, seed: int = 0) -> Snapshot:
    """The model as it is now."""
    config = model.config
    z = np.random.default_rng(seed).standard_normal((SAMPLES, config.latent_dim), dtype=np.float32)
    labels = None if config.condition is None else np.arange(SAMPLES) % config.condition.classes
    samples = np.round(TorchCodec(model).decode(z, labels) * 255).astype(np.uint8)
    return Snapshot(step, samples, first_filters(model), parameter_norms(model))


def first_filters(model: VAE, count: int = FILTERS) -> NDArray[np.float32]:
    """Weights of the encoder's first layer that sees space: convolutions as they are, linear ones in the image's shape."""
    for layer in model.encoder.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            weight: NDArray[np.float32] = layer.weight.detach().float().cpu().numpy()[:count]
            return weight if weight.ndim == 4 else weight.reshape(len(weight), *_shape(model, weight.shape[1]))
    raise AssertionError("an encoder has a layer")


def parameter_norms(model: VAE) -> dict[str, float]:
    """Euclidean norm of every weight matrix or kernel; biases and normalisation are left out."""
    return {name: float(p.detach().float().norm()) for name, p in model.named_parameters() if p.ndim > 1}


def save_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Into `folder`, as `step-<number>.npz`."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=snapshot.samples,
        filters=snapshot.filters,
        names=np.array(list(snapshot.norms)),
        norms=np.array(list(snapshot.norms.values())),
    )
    write_atomically(folder / f"step-{snapshot.step:08d}.npz", buffer.getvalue())


def load_snapshots(folder: Path) -> Sequence[Snapshot]:
    """All of them, by step."""
    return [_load(path) for path in sorted(folder.glob("step-*.npz"))]


def _load(path: Path) -> Snapshot:
    with np.load(path) as file:
        norms = dict(zip(file["names"].tolist(), file["norms"].tolist(), strict=True))
        return Snapshot(int(path.stem.removeprefix("step-")), file["samples"], file["filters"], norms)


def _shape(model: VAE, inputs: int) -> tuple[int, int, int]:
    """(c, H, W) of a flattened image with so many entries; c differs from the image's where a condition adds planes."""
    _, height, width = model.config.image_shape
    return inputs // (height * width), height, width
