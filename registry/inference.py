"""Using a published model: arrays or picture files in, arrays out, with NumPy and onnxruntime only.

`Model` is a `models.codec.Codec`, so whatever evaluates, draws or ranks takes it in place of a torch model.

Shapes: N images of a batch, (C, H, W) pixels, D latents.  One image without the batch dimension gives results without it.
Batches run in chunks, so memory does not grow with N beyond the results themselves; `encode_stream` and `decode_stream` take
batches one by one, so it does not grow at all.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.codec import check_labels, finite_latents, unit_images
from models.errors import UserError
from models.preprocessing import open_picture
from registry.errors import RegistryError
from registry.manifest import Manifest, Signature
from registry.place import open_store
from registry.sandbox import NETWORKS, try_once
from registry.sessions import open_session, run_session

__all__ = ["CPU", "Model", "load"]

Floats = NDArray[np.float32]
Batch = NDArray[Any] | tuple[NDArray[Any], ArrayLike]  # of a stream; with labels, for a conditional model
CPU = ("CPUExecutionProvider",)
CHUNK = 256  # images at a time


def load(
    reference: str,
    version: int | None = None,
    registry: str | Path | None = None,
    *,
    threads: int | None = None,
    providers: Sequence[str] = CPU,
    session_options: Mapping[str, str] | None = None,
    key: str | Path | None = None,
) -> Model:
    """The published model that `reference` means, every file of it checked against its digest.

    reference: "name" (newest version), "name@alias", "name@3" or ("name", 3), "sha256:…" (manifest digest).
    registry: the store's folder or URL; see `registry.place`.  threads, providers, session_options (entries of onnxruntime's
    session configuration, text to text): for onnxruntime.  A model that this machine has not seen is first run in a child
    process with little memory and time (`registry.sandbox`).  key: a public key that must have signed it (`registry.signing`).

    Raises `RegistryError`: `NotFoundError`, `DamagedError`, `UnsafeError`, or a provider that is not there.
    """
    store = open_store(registry)
    found = store.resolve(reference, version)
    files = found.read()
    if key is not None:
        from registry.signing import Verifier

        Verifier(Path(key)).check(store, found, files)
    _check_networks(files, str(found))
    try_once(files, found.manifest.signature)
    return Model(found.manifest, files, name=str(found), threads=threads, providers=providers, session_options=session_options)


class Model:
    """A finished VAE.  images: uint8 0..255 or float in [0, 1]; condition: labels of a conditional model, (N,) or an int.

    It can be pickled, sent to other processes, used after a fork (its sessions are opened anew there) and by many threads.
    """

    def __init__(
        self,
        manifest: Manifest,
        files: Mapping[str, bytes],
        *,
        name: str = "model",
        threads: int | None = None,
        providers: Sequence[str] = CPU,
        session_options: Mapping[str, str] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        """From the files' bytes, which the caller has checked; usually by `load`."""
        self.manifest = manifest
        self.name = name
        self.chunk = chunk
        _check_networks(files, name)
        self._files = {file: files[file] for file in NETWORKS}
        self._settings = (providers if isinstance(providers, str) else tuple(providers), threads, _options(session_options))
        self._open()

    def __repr__(self) -> str:
        return f"<Model {self.name}: images {self.signature.image_shape}, {self.signature.latent_dim} latents>"

    @property
    def signature(self) -> Signature:
        """Names, types, shapes and ranges of what goes in and out."""
        return self.manifest.signature

    @property
    def files(self) -> Mapping[str, bytes]:
        """The two networks as they are stored: encoder.onnx and decoder.onnx."""
        return self._files

    # ------------------------------------------------------------------ the two networks

    def encode(self, images: NDArray[np.generic], condition: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """mu and logvar of q(z|x), each (N, D) float32.  Raises `RegistryError` for a wrong shape, type or range; warns of uint8
        images of 0 and 1, which are all but black."""
        shape, latents = self.signature.image_shape, (self.signature.latent_dim,)
        batch, single = _batch(_array(images), len(shape))
        if batch.dtype == np.uint8 and batch.size and batch.max() == 1:
            warnings.warn(
                "uint8 images are 0 to 255, but these are 0 and 1 only: where 1 means white, give 255 * images", stacklevel=2
            )
        mu, logvar = self._run(
            "encoder.onnx", lambda rows: unit_images(batch[rows], shape), len(batch), condition, [latents, latents]
        )
        return (mu[0], logvar[0]) if single else (mu, logvar)

    def decode(self, z: NDArray[np.floating], condition: ArrayLike | None = None) -> Floats:
        """Pixel means in [0, 1], (N, C, H, W) float32, of latents z (N, D).  Raises `RegistryError` for a bad shape, NaN."""
        batch, single = _batch(_array(z), 1)
        latents = self.signature.latent_dim
        pixels = self._run(
            "decoder.onnx", lambda rows: finite_latents(batch[rows], latents), len(batch), condition, [self.signature.image_shape]
        )[0]
        return pixels[0] if single else pixels

    def encode_stream(self, batches: Iterable[Batch]) -> Iterator[tuple[Floats, Floats]]:
        """`encode` of each batch as it comes: whatever the stream's length, one batch and its codes are in memory.

        batches: images (N, C, H, W), or (images, condition) for a conditional model; N may differ from batch to batch.

        >>> for mu, logvar in model.encode_stream(np.load(path) for path in paths):     # doctest: +SKIP
        ...     ...
        """
        return (self.encode(*_told(batch)) for batch in batches)

    def decode_stream(self, latents: Iterable[Batch]) -> Iterator[Floats]:
        """`decode` of each batch of latents, (N, D) or ((N, D), condition), as `encode_stream`."""
        return (self.decode(*_told(z)) for z in latents)

    # ------------------------------------------------------------------ what one does with them

    def reconstruct(self, images: NDArray[np.generic], condition: ArrayLike | None = None) -> Floats:
        """decode(mu of encode(images)), (N, C, H, W)."""
        return self.decode(self.encode(images, condition)[0], condition)

    def sample(self, n: int, condition: ArrayLike | None = None, seed: int = 0) -> Floats:
        """`n` new images (n, C, H, W): z ~ N(0, I), decoded.  The same seed gives the same images."""
        _check_whole("n", n, 1)
        _check_whole("seed", seed, 0)
        z = np.random.default_rng(seed).standard_normal((n, self.signature.latent_dim), dtype=np.float32)
        return self.decode(z, condition)

    def interpolate(self, a: NDArray[np.generic], b: NDArray[np.generic], steps: int, condition: int | None = None) -> Floats:
        """(steps, C, H, W): from image `a` to image `b` (C, H, W) along a straight line between their posterior means."""
        _check_whole("steps", steps, 2)
        start, stop = self._mean(a, condition), self._mean(b, condition)
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.decode((1 - t) * start + t * stop, condition)

    def traverse(self, image: NDArray[np.generic], latent: int, values: ArrayLike, condition: int | None = None) -> Floats:
        """(len(values), C, H, W): the image with latent number `latent` set to each of `values`, the others as encoded."""
        _check_whole("latent", latent, 0, self.signature.latent_dim - 1)
        row = np.atleast_1d(_array(values))
        if row.ndim > 1 or row.dtype.kind not in "fiu":
            raise RegistryError(f"values must be numbers in a row, but got {row.dtype} of shape {row.shape}")
        z = np.repeat(self._mean(image, condition)[None].astype(np.float64), len(row), axis=0)
        z[:, latent] = row
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

    def _open(self) -> None:
        graphs = self.signature
        self._sessions = {
            file: open_session(self._files[file], file, graph, *self._settings)
            for file, graph in zip(NETWORKS, (graphs.encoder, graphs.decoder), strict=True)
        }
        self._process = os.getpid()

    def _session(self, network: str) -> Any:
        """After a fork the parent's sessions have lost their threads, and would wait for them for ever; so would new ones that
        have several.  The child opens its own, on one thread."""
        if self._process != os.getpid():
            providers, _, options = self._settings
            self._settings = (providers, 1, options)
            self._open()
        return self._sessions[network]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_sessions", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._open()

    def _mean(self, image: NDArray[np.generic], condition: int | None) -> Floats:
        image = _array(image)
        if image.shape != self.signature.image_shape:
            raise RegistryError(f"one image must have the shape {self.signature.image_shape}, but got {image.shape}")
        return self.encode(image, condition)[0]

    def _labels(self, condition: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
        classes = self.signature.classes
        if (classes is None) != (condition is None):
            has, got = ("no", "one") if classes is None else ("a", "none")
            raise RegistryError(f"this model has {has} condition, but got {got}")
        if classes is None:
            return None
        labels = _array(condition)
        with _refusing():
            return check_labels(np.broadcast_to(labels, (count,)) if labels.ndim == 0 else labels, classes, count)

    def _run(
        self,
        network: str,
        chunk_at: Callable[[slice], Floats],
        count: int,
        condition: ArrayLike | None,
        shapes: list[tuple[int, ...]],
    ) -> list[Floats]:
        """The network's outputs over `count` rows, (N, *shape) each, chunk by chunk."""
        labels = self._labels(condition, count)
        outputs = [np.empty((count, *shape), np.float32) for shape in shapes]
        graph = self.signature.encoder if network == "encoder.onnx" else self.signature.decoder
        session = self._session(network)
        for start in range(0, max(count, 1), self.chunk):
            rows = slice(start, start + self.chunk)
            with _refusing():
                inputs = [np.ascontiguousarray(chunk_at(rows))]
            if labels is not None:
                inputs.append(np.ascontiguousarray(labels[rows]))
            for output, part in zip(outputs, run_session(session, network, graph, inputs), strict=True):
                output[rows] = part
        return outputs


def _check_networks(files: Mapping[str, bytes], name: str) -> None:
    for file in NETWORKS:
        if file not in files:
            raise RegistryError(f"a model needs encoder.onnx and decoder.onnx, but {name} has no {file}")


def _options(given: Mapping[str, str] | None) -> dict[str, str]:
    try:
        return dict(given or {})
    except (ValueError, TypeError):
        raise RegistryError(f"session_options are text: text, but got {given!r}") from None


def _array(given: object) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:  # rows of different lengths, say
        raise RegistryError(f"an array must be given, but got a {type(given).__name__} that is none: {error}") from None


def _batch(array: NDArray[Any], dimensions: int) -> tuple[NDArray[Any], bool]:
    """The array as a batch, and whether it was a single one.  `dimensions`: of a single one."""
    if array.ndim not in (dimensions, dimensions + 1):
        raise RegistryError(f"an array of {dimensions} or {dimensions + 1} dimensions must be given, but got shape {array.shape}")
    return (array[None], True) if array.ndim == dimensions else (array, False)


def _told(batch: Batch) -> tuple[NDArray[Any], ArrayLike | None]:
    """A stream's batch as (array, condition)."""
    if not isinstance(batch, tuple):
        return batch, None
    if len(batch) != 2:
        raise RegistryError(f"a batch of a stream is an array or (array, condition), but got {len(batch)} parts")
    return batch


def _check_whole(name: str, value: object, low: int, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        rule = f"{name} >= {low}" if high == math.inf else f"{low} <= {name} <= {high}"
        raise RegistryError(f"{rule} must hold for a whole number, but got {name}={value!r}")


@contextmanager
def _refusing() -> Iterator[None]:
    """What the shared checks of arrays (`models.codec`) refuse, the registry refuses."""
    try:
        yield
    except UserError as problem:
        raise RegistryError(str(problem)) from None
