"""Using a published model: arrays or picture files in, arrays out, with NumPy and onnxruntime only.

`Model` is a `models.codec.Codec`, so whatever evaluates, draws or ranks takes it in place of a torch model.

Shapes: N images of a batch, (C, H, W) pixels, D latents.  One image without the batch dimension gives results without it.
Batches run in chunks, so memory does not grow with N beyond the results themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.preprocessing import open_picture
from registry.errors import RegistryError
from registry.manifest import Manifest, Signature
from registry.place import registry_folder
from registry.sessions import open_session
from registry.store import Store

__all__ = ["CPU", "Model", "load"]

Floats = NDArray[np.float32]
CPU = ("CPUExecutionProvider",)
CHUNK = 256  # images at a time


def load(
    reference: str,
    version: int | None = None,
    registry: str | Path | None = None,
    *,
    threads: int | None = None,
    providers: Sequence[str] = CPU,
) -> Model:
    """The published model that `reference` means, every file of it checked against its digest.

    reference: "name" (newest version), "name@alias", "name@3" or ("name", 3), "sha256:…" (manifest digest).
    registry: the store's folder; see `registry.place`.  threads, providers: for onnxruntime.

    Raises `RegistryError`: `NotFoundError`, `DamagedError`, `UnsafeError`, or a provider that is not there.
    """
    found = Store(registry_folder(registry)).resolve(reference, version)
    return Model(found.manifest, found.read(), name=str(found), threads=threads, providers=providers)


class Model:
    """A finished VAE.  images: uint8 0..255 or float in [0, 1]; condition: labels of a conditional model, (N,) or an int."""

    def __init__(
        self,
        manifest: Manifest,
        files: Mapping[str, bytes],
        *,
        name: str = "model",
        threads: int | None = None,
        providers: Sequence[str] = CPU,
        chunk: int = CHUNK,
    ) -> None:
        """From the files' bytes, which the caller has checked; usually by `load`."""
        self.manifest = manifest
        self.name = name
        self.chunk = chunk
        for file in ("encoder.onnx", "decoder.onnx"):
            if file not in files:
                raise RegistryError(f"a model needs encoder.onnx and decoder.onnx, but {name} has no {file}")
        graphs = manifest.signature
        self._encoder = open_session(files["encoder.onnx"], "encoder.onnx", graphs.encoder, providers, threads)
        self._decoder = open_session(files["decoder.onnx"], "decoder.onnx", graphs.decoder, providers, threads)

    def __repr__(self) -> str:
        return f"<Model {self.name}: images {self.signature.image_shape}, {self.signature.latent_dim} latents>"

    @property
    def signature(self) -> Signature:
        """Names, types, shapes and ranges of what goes in and out."""
        return self.manifest.signature

    # ------------------------------------------------------------------ the two networks

    def encode(self, images: NDArray[np.generic], condition: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """mu and logvar of q(z|x), each (N, D) float32.  Raises `RegistryError` for a wrong shape, type or range."""
        images = np.asarray(images)
        batch, single = self._batch(images, self.signature.image_shape, "images (C, H, W)")
        _check_pixels(images)
        latents = (self.signature.latent_dim,)
        mu, logvar = self._run(self._encoder, batch, self._labels(condition, len(batch)), [latents, latents])
        return (mu[0], logvar[0]) if single else (mu, logvar)

    def decode(self, z: NDArray[np.floating], condition: ArrayLike | None = None) -> Floats:
        """Pixel means in [0, 1], (N, C, H, W) float32, of latents z (N, D).  Raises `RegistryError` for a bad shape, NaN."""
        z = np.asarray(z)
        batch, single = self._batch(z, (self.signature.latent_dim,), "latents (D,)")
        if z.dtype.kind not in "fiu" or not np.isfinite(z).all():
            raise RegistryError(f"latents must be finite numbers, but got {z.dtype} with {_not_finite(z)}")
        pixels = self._run(self._decoder, batch, self._labels(condition, len(batch)), [self.signature.image_shape])[0]
        return pixels[0] if single else pixels

    # ------------------------------------------------------------------ what one does with them

    def reconstruct(self, images: NDArray[np.generic], condition: ArrayLike | None = None) -> Floats:
        """decode(mu of encode(images)), (N, C, H, W)."""
        return self.decode(self.encode(images, condition)[0], condition)

    def sample(self, n: int, condition: ArrayLike | None = None, seed: int = 0) -> Floats:
        """`n` new images (n, C, H, W): z ~ N(0, I), decoded.  The same seed gives the same images."""
        if n < 1:
            raise RegistryError(f"n >= 1 must hold, but got n={n}")
        z = np.random.default_rng(seed).standard_normal((n, self.signature.latent_dim), dtype=np.float32)
        return self.decode(z, condition)

    def interpolate(self, a: NDArray[np.generic], b: NDArray[np.generic], steps: int, condition: int | None = None) -> Floats:
        """(steps, C, H, W): from image `a` to image `b` (C, H, W) along a straight line between their posterior means."""
        if steps < 2:
            raise RegistryError(f"steps >= 2 must hold, but got steps={steps}")
        start, stop = self._mean(a, condition), self._mean(b, condition)
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.decode((1 - t) * start + t * stop, condition)

    def traverse(self, image: NDArray[np.generic], latent: int, values: ArrayLike, condition: int | None = None) -> Floats:
        """(len(values), C, H, W): the image with latent number `latent` set to each of `values`, the others as encoded."""
        if not 0 <= latent < self.signature.latent_dim:
            raise RegistryError(f"0 <= latent < {self.signature.latent_dim} must hold, but got latent={latent}")
        values = np.atleast_1d(np.asarray(values, dtype=np.float32))
        z = np.repeat(self._mean(image, condition)[None], len(values), axis=0)
        z[:, latent] = values
        return self.decode(z, condition)

    # ------------------------------------------------------------------ picture files

    def pictures(self, paths: Iterable[str | os.PathLike[str]]) -> NDArray[np.uint8]:
        """The picture files as this model's images: uint8 (N, C, H, W), by the manifest's preprocessing."""
        opened = [open_picture(path, self.manifest.preprocessing) for path in paths]
        return np.stack(opened) if opened else np.empty((0, *self.signature.image_shape), np.uint8)

    def encode_files(self, paths: Sequence[str | os.PathLike[str]], condition: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """`encode(pictures(paths))`, a chunk of files at a time."""
        labels = self._labels(condition, len(paths))
        parts = []
        for start in range(0, max(len(paths), 1), self.chunk):
            rows = slice(start, start + self.chunk)
            parts.append(self.encode(self.pictures(paths[rows]), None if labels is None else labels[rows]))
        mu, logvar = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return mu, logvar

    # ------------------------------------------------------------------ inside

    def _mean(self, image: NDArray[np.generic], condition: int | None) -> Floats:
        image = np.asarray(image)
        if image.shape != self.signature.image_shape:
            raise RegistryError(f"one image must have the shape {self.signature.image_shape}, but got {image.shape}")
        return self.encode(image, condition)[0]

    def _batch(self, array: NDArray[Any], shape: tuple[int, ...], what: str) -> tuple[NDArray[Any], bool]:
        if array.shape == shape:
            return array[None], True
        if array.ndim == len(shape) + 1 and array.shape[1:] == shape:
            return array, False
        raise RegistryError(f"{what} must have the shape {shape} or (N, *{shape}), but got {array.shape}")

    def _labels(self, condition: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
        classes = self.signature.classes
        if (classes is None) != (condition is None):
            has, got = ("no", "one") if classes is None else ("a", "none")
            raise RegistryError(f"this model has {has} condition, but got {got}")
        if classes is None:
            return None
        labels = np.asarray(condition)
        if labels.dtype.kind not in "iu" or labels.shape not in ((), (count,)):
            raise RegistryError(f"condition must be one integer or {count}, but got {labels.dtype} of shape {labels.shape}")
        if labels.size and not (labels.min() >= 0 and labels.max() < classes):
            raise RegistryError(f"0 <= condition < {classes} must hold, but got {labels.min()} to {labels.max()}")
        return np.broadcast_to(labels.astype(np.int64), (count,))

    def _run(
        self, session: Any, batch: NDArray[Any], labels: NDArray[np.int64] | None, shapes: list[tuple[int, ...]]
    ) -> list[Floats]:
        """The session's outputs, (N, *shape) each, in chunks."""
        outputs = [np.empty((len(batch), *shape), np.float32) for shape in shapes]
        names = [tensor.name for tensor in session.get_inputs()]
        for start in range(0, len(batch), self.chunk):
            rows = slice(start, start + self.chunk)
            inputs = [_as_input(batch[rows])] + ([] if labels is None else [np.ascontiguousarray(labels[rows])])
            for output, part in zip(outputs, session.run(None, dict(zip(names, inputs, strict=True))), strict=True):
                output[rows] = part
        return outputs


def _as_input(array: NDArray[Any]) -> Floats:
    """float32; grey levels 0..255 become 0..1."""
    as_float = np.ascontiguousarray(array, dtype=np.float32)
    return as_float / np.float32(255) if array.dtype == np.uint8 else as_float


def _check_pixels(images: NDArray[Any]) -> None:
    if images.dtype == np.uint8:
        return
    if images.dtype.kind != "f":
        raise RegistryError(f"images must be uint8 (0 to 255) or float (0 to 1), but got {images.dtype}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise RegistryError(f"float images must be within 0 to 1, but got {images.min():g} to {images.max():g}")


def _not_finite(z: NDArray[Any]) -> str:
    return f"{np.count_nonzero(~np.isfinite(z))} not finite" if z.dtype.kind == "f" else f"kind {z.dtype.kind!r}"
