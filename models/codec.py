"""A trained VAE as plain arrays in, plain arrays out: the same face that `registry.load` gives to an exported model.

Everything that evaluates, draws or ranks is written against `Codec`, so it runs on a torch model in a trial and on the
ONNX files of a published one without knowing which.  This module imports torch only when a torch model is wrapped; the
checks of what a person hands in (`unit_images`, `check_labels`) are for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from models.vae import VAE

__all__ = ["Codec", "TorchCodec", "check_labels", "finite_latents", "unit_images"]

Floats = NDArray[np.float32]
ROUNDING = 1e-6
"""How far beyond [0, 1] a float image may lie: what arithmetic in float32 does to a 1."""


class Codec(Protocol):
    """encode: images uint8 0..255 or float in [0, 1], (N, C, H, W) → (mu, logvar), each (N, D) float32.

    decode: z (N, D) → pixel means in [0, 1], (N, C, H, W) float32.  `condition`: int labels (N,) of a conditional model.
    """

    def encode(self, images: NDArray[np.generic], condition: NDArray[np.int64] | None = None) -> tuple[Floats, Floats]: ...

    def decode(self, z: NDArray[np.floating], condition: NDArray[np.int64] | None = None) -> Floats: ...


def unit_images(images: NDArray[np.generic], image_shape: tuple[int, int, int]) -> Floats:
    """Images (N, C, H, W), uint8 0..255 or float in [0, 1], as float32 in [0, 1].  Raises `UserError` for anything else.

    >>> unit_images(np.array([[[[0, 255]]]], dtype=np.uint8), (1, 1, 2)).ravel().tolist()
    [0.0, 1.0]
    """
    if images.ndim != 4 or images.shape[1:] != tuple(image_shape):
        expected = ", ".join(str(size) for size in image_shape)
        raise UserError(f"images must have shape (N, {expected}), but got {images.shape}")
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"images must be uint8 in 0..255 or float in [0, 1], but got {images.dtype}")
    unit = images.astype(np.float32)
    low, high = (unit.min(), unit.max()) if unit.size else (0.0, 1.0)
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # false for nan, too
        raise UserError(f"float images must lie in [0, 1], but got values from {low:.9g} to {high:.9g}")
    return unit if low >= 0 and high <= 1 else np.clip(unit, 0, 1)


def finite_latents(z: NDArray[np.generic], latent_dim: int) -> Floats:
    """Latents (N, D) as float32.  Raises `UserError` unless all are numbers that are finite as such."""
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise UserError(f"z must have shape (N, {latent_dim}), but got {z.shape}")
    if z.dtype.kind not in "fiu":
        raise UserError(f"z must be numbers, but got {z.dtype}")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
        latents = z.astype(np.float32)
    if not np.isfinite(latents).all():
        raise UserError(f"z must be finite as float32, but got {np.count_nonzero(~np.isfinite(latents))} entries that are not")
    return latents


def check_labels(labels: NDArray[np.generic], classes: int, count: int) -> NDArray[np.int64]:
    """Labels of `count` images as int64 (N,).  Raises `UserError` unless each is an integer in 0..classes−1."""
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"the condition must be {count} integer labels, but got {labels.dtype} of shape {labels.shape}")
    integers = labels.astype(np.int64)
    wrong = (integers < 0) | (integers >= classes)
    if wrong.any():
        raise UserError(f"labels 0..{classes - 1} must hold, but got label {integers[wrong][0]}")
    return integers


class TorchCodec:
    """`Codec` of a torch VAE, in chunks, in evaluation mode, on the device the model lives on, always in float32."""

    def __init__(self, model: VAE, chunk: int = 128) -> None:
        # Measured on two CPU cores with the Burgess network: 1.6 to 2 times as fast an image as chunks of 256.
        self.model = model
        self.chunk = chunk

    def encode(self, images: NDArray[np.generic], condition: NDArray[np.int64] | None = None) -> tuple[Floats, Floats]:
        """mu and logvar of q(z|x), each (N, D).  Raises `UserError` for images or labels the model cannot take."""
        shape = self.model.config.image_shape
        mu, logvar = self._run(self.model.encode, lambda rows: unit_images(images[rows], shape), len(images), condition)
        return mu, logvar

    def decode(self, z: NDArray[np.floating], condition: NDArray[np.int64] | None = None) -> Floats:
        """Pixel means, (N, C, H, W).  Raises `UserError` for latents or labels the model cannot take."""
        latents = finite_latents(np.asarray(z), self.model.config.latent_dim)
        (images,) = self._run(lambda x, c: (self.model.decode(x, c),), lambda rows: latents[rows], len(z), condition)
        return images

    def _run(
        self,
        function: Callable[[Tensor, Tensor | None], tuple[Tensor, ...]],
        chunk_at: Callable[[slice], NDArray[np.generic]],
        count: int,
        condition: NDArray[np.int64] | None,
    ) -> list[Floats]:
        """The function's outputs over `count` rows, chunk by chunk."""
        import torch

        if condition is not None and self.model.config.condition is not None:
            condition = check_labels(np.asarray(condition), self.model.config.condition.classes, count)
        device = next(self.model.parameters()).device
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                parts = []
                for start in range(0, max(count, 1), self.chunk):
                    rows = slice(start, start + self.chunk)
                    x = torch.tensor(chunk_at(rows), dtype=torch.float32, device=device)
                    labels = None if condition is None else torch.tensor(condition[rows], device=device)
                    parts.append([out.cpu().numpy() for out in function(x, labels)])
        finally:
            self.model.train(was_training)
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
