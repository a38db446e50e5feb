"""Small models and deterministic inputs for the tests of `models`, drawn with NumPy: its streams are fixed for good."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.config import VAEConfig
from models.objectives import Objective
from models.vae import VAE, Terms

SHAPES = [(channels, side, side) for channels in (1, 3) for side in (28, 32, 64)]

# Architectures whose defaults are too slow to test by the dozen.  A new plug-in needs no entry.
SMALL_ARCHITECTURE: dict[str, dict[str, Any]] = {"resnet": {"width": 2, "blocks": 1}, "mlp": {"hidden": (32,)}}
SMALL_OBJECTIVE: dict[str, dict[str, Any]] = {"factor_vae": {"hidden": 16, "layers": 2}}


def images(count: int, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0) -> Tensor:
    """Grey levels in [0, 1], (count, C, H, W)."""
    return torch.from_numpy(np.random.default_rng(seed).random((count, *shape), dtype=np.float32))


def noise(count: int, latent_dim: int, seed: int = 1) -> Tensor:
    """Standard normal, (count, latent_dim)."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, latent_dim), dtype=np.float32))


def small_config(architecture: str, shape: tuple[int, int, int] = (1, 32, 32), **fields: Any) -> VAEConfig:
    """A configuration that is quick to build."""
    options = SMALL_ARCHITECTURE.get(architecture, {})
    return VAEConfig(image_shape=shape, architecture=architecture, architecture_options=options, **{"latent_dim": 5, **fields})


@torch.no_grad()
def fill_weights(module: torch.nn.Module, seed: int = 0) -> None:
    """Uniform in ±1/√fan-in, from NumPy: independent of how a version of torch draws."""
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        bound = 1 / math.sqrt(max(parameter[0].numel(), 1))
        parameter.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(parameter.shape))))


def terms_of(model: VAE, count: int = 8, seed: int = 0, condition: Tensor | None = None) -> Terms:
    """The terms of one deterministic batch."""
    x = images(count, model.config.image_shape, seed)
    terms: Terms = model(x, noise(count, model.config.latent_dim, seed + 1), condition)
    return terms


def weights_at(objective: Objective, progress: float) -> dict[str, Tensor]:
    """The schedules as the trainer passes them."""
    return {name: torch.tensor(value) for name, value in objective.weights(progress).items()}
