"""A model seen through a fixed sample of images: encoded once, kept, and decoded only when a metric asks.

Memory is that of one chunk of images plus the codes, whatever the number of images.  All randomness is one NumPy noise
array, drawn in one go from the seed, so a torch model and its ONNX export are given the same z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec
from models.config import VAEConfig
from models.errors import UserError
from models.posterior import draw, kl_to_prior
from study.datasets import Dataset
from study.evidence.likelihood import mean_image_nll, perfect_nll, reconstruction_nll

__all__ = ["DECODED", "Baseline", "Encoding", "encode"]

CHUNK = 500

DECODED = 10_000
"""Decoding costs as much as encoding; the standard error of an average over 10,000 images is 1 % of their spread."""

Floats = NDArray[np.float64]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Baseline:
    """What the reconstruction error of this sample is to be read against, both in nats per image.

    mean_image  the error of the sample's mean image: the best that a model without information can do
    perfect     the error of reproducing every image exactly
    """

    mean_image: float
    perfect: float

    def explained(self, recon: float) -> float:
        """The share of the distance between the two that a reconstruction error covers: 0 no information, 1 perfect."""
        return (self.mean_image - recon) / max(self.mean_image - self.perfect, 1e-12)


@dataclass(frozen=True)
class Encoding:
    """mu and logvar (N, D) of the images in `rows` (N,), and everything needed to decode them again.

    The rows are in random order, so the first n of them are a sample as well.
    """

    codec: Codec = field(repr=False)
    config: VAEConfig
    dataset: Dataset = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)
    mu: NDArray[np.float32] = field(repr=False)
    logvar: NDArray[np.float32] = field(repr=False)
    seed: int = 0
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """What `compute` gives, computed at the first call: for what several metrics read of one encoding."""
        if name not in self._known:
            self._known[name] = compute()
        value: Value = self._known[name]
        return value

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def kl(self) -> Floats:
        """KL(q(z_d|x) ‖ p(z_d)) of every image and latent (N, D), nats."""
        return kl_to_prior(self.mu, self.logvar)

    @cached_property
    def nll(self) -> Floats:
        """−log p(x|z) of the first 10,000 images for one sample z of q(z|x) each, nats."""
        z = draw(self.mu, self.logvar, self.seed)
        return np.concatenate([self.nll_of(z[part], part, images) for part, images in self.chunks(DECODED)])

    def nll_of(self, z: NDArray[np.float32], part: slice, images: NDArray[np.uint8]) -> Floats:
        """−log p(x|z) of the images (n, C, H, W) at positions `part` for latents z (n, D), nats, (n,)."""
        means = self.codec.decode(z, self.condition(part))
        return reconstruction_nll(self.config.likelihood, means, images)

    @cached_property
    def baseline(self) -> Baseline:
        """The errors of the mean image and of perfect reconstruction, on the images that `nll` decodes."""
        total, squares = (np.zeros(self.dataset.image_shape) for _ in range(2))
        perfect = 0.0
        for _, images in self.chunks(DECODED):
            x = images.astype(np.float32) / 255
            total += x.sum(axis=0, dtype=np.float64)
            squares += np.square(x).sum(axis=0, dtype=np.float64)
            perfect += float(perfect_nll(self.config.likelihood, images).sum())
        count = min(DECODED, len(self))
        worst = mean_image_nll(self.config.likelihood, total / count, squares / count)
        return Baseline(mean_image=worst, perfect=perfect / count)

    def chunks(self, count: int | None = None) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
        """Positions in the sample and their images, a few hundred at a time; `count`: only the first so many."""
        stop = len(self) if count is None else min(count, len(self))
        for start in range(0, stop, CHUNK):
            part = slice(start, min(start + CHUNK, stop))
            yield part, self.dataset.images[self.rows[part]]

    def condition(self, part: slice) -> NDArray[np.int64] | None:
        """The labels a conditional model is told for these positions; None for any other model."""
        return _labels(self.config, self.dataset, self.rows[part])


def encode(codec: Codec, config: VAEConfig, dataset: Dataset, rows: NDArray[np.int64], seed: int = 0) -> Encoding:
    """Encode the images in `rows` (N,).

    Raises `UserError` for no rows, a conditional model on a data set without labels, and codes that are not finite.
    """
    if len(rows) == 0:
        raise UserError(f"at least one image must be encoded, but this sample of {dataset.name} has none")
    parts = []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        parts.append(codec.encode(dataset.images[part], _labels(config, dataset, part)))
    mu, logvar = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    finite = np.isfinite(mu).all() and np.isfinite(logvar).all()
    if not finite:
        raise UserError("codes must be finite, but the encoder gave NaN or infinity: the model has diverged")
    return Encoding(codec, config, dataset, rows, mu, logvar, seed)


def _labels(config: VAEConfig, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    if config.condition is None:
        return None
    if dataset.labels is None:
        raise UserError(f"a conditional model needs a data set with labels, but {dataset.name} has none")
    return dataset.labels[rows]
