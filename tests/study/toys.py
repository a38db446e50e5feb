"""A small data set with known factors, and models for it, shared by the tests of metrics and evaluation."""

import numpy as np
import torch

from models.config import Condition, Likelihood, VAEConfig
from models.vae import VAE
from study.datasets import ArrayImages, Dataset
from study.datasets._dataset import random_parts

SIZES = (4, 5, 6, 10)


def squares(count: int = 1200, grey: bool = False, labels: bool = True, factors: bool = True, seed: int = 0) -> Dataset:
    """`count` images 1×12×12 of one bright square: factors side (4), row (5), column (6), brightness (10)."""
    rng = np.random.default_rng(seed)
    values = np.stack([rng.integers(0, size, count) for size in SIZES], axis=1)
    images = np.zeros((count, 1, 12, 12), dtype=np.uint8)
    for image, (side, row, column, light) in zip(images, values, strict=True):
        image[0, row : row + side + 2, column : column + side + 2] = 30 + 25 * light if grey else 255
    return Dataset(
        name="squares",
        source="drawn",
        digest=f"squares-{count}-{grey}-{seed}",
        images=ArrayImages(images),
        parts=random_parts(count, (0.8, 0.1)),
        factors=values if factors else None,
        factor_names=("side", "row", "column", "brightness") if factors else (),
        factor_sizes=SIZES if factors else (),
        labels=values[:, 0].copy() if labels else None,
    )


def small_vae(conditional: bool = False, likelihood: Likelihood | None = None, seed: int = 0) -> VAE:
    """An untrained MLP for those images, 5 latents."""
    torch.manual_seed(seed)
    return VAE(
        VAEConfig(
            image_shape=(1, 12, 12),
            architecture="mlp",
            architecture_options={"hidden": (64,)},
            latent_dim=5,
            likelihood=likelihood or Likelihood(),
            condition=Condition(classes=4, embedding_dim=3) if conditional else None,
        )
    )


class Oracle:
    """A codec of those images whose latents are their factors, each scaled to −1 … 1: it loses nothing.

    informed=False: a decoder that has collapsed to one image, the mean of `dataset`, behind the same latents.
    """

    config = VAEConfig(image_shape=(1, 12, 12), architecture="mlp", latent_dim=5)

    def __init__(self, dataset: Dataset, informed: bool = True, logvar: float = -14.0) -> None:
        images = dataset.images[np.arange(len(dataset))]
        self.logvar = logvar
        self.informed = informed
        self.mean = images.mean(axis=0) / 255
        self.known = {image.tobytes(): np.append(row, 0) for image, row in zip(images, dataset.factors, strict=True)}
        self.images = {row.tobytes(): image / 255 for image, row in zip(images, dataset.factors, strict=True)}
        self.half = (np.array([*SIZES, 3]) - 1) / 2

    def encode(self, images, condition=None):
        rows = np.stack([self.known[image.tobytes()] for image in images])
        mu = (rows / self.half - 1).astype(np.float32)
        return mu, np.full_like(mu, self.logvar)

    def decode(self, z, condition=None):
        if not self.informed:
            return np.repeat(self.mean[None], len(z), axis=0).astype(np.float32)
        rows = np.rint((z + 1) * self.half)[:, :4].astype(np.int64)
        return np.stack([self.images[row.tobytes()] for row in rows]).astype(np.float32)
