"""Pretrained image features: a network of ImageNet, stored as an ONNX file and run without torch.

    <registry>/features/NAME/1/model.onnx      images (batch, 3, H, W) float32 → features (batch, F)
                                                 and, of all but the first ones, a map of places (batch, channels, rows, columns)
                              /record          sealed: the file's sha256, sizes, the scale of pixels, where weights come from

A small VAE trained on sixty photographs knows sixty photographs; a network that has seen a million knows what a frog is.  Only
the distances between a folder's own pictures are used, never the network's class labels (Bergman, Cohen & Hoshen 2020).

`python -m registry pull efficientnet_lite0` makes the file from installed weights (`registry.feature_export`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, PositiveInt, ValidationError

from models.config import Config
from models.errors import explain
from registry.disk import (
    claim,
    make_folder,
    numbers,
    read_plain,
    seal,
    sha256,
    signed,
    sync_folder,
    unseal,
    working_folder,
    write_file,
    writing,
)
from registry.errors import DamagedError, NotFoundError, RegistryError
from registry.manifest import Graph, TensorSpec
from registry.names import check_name
from registry.place import registry_folder
from registry.sandbox import remember_network, try_network_once
from registry.store import Store
from registry.version import MAX_FILE_BYTES

__all__ = [
    "DEFAULT_FEATURES",
    "FeatureModel",
    "FeatureRecord",
    "feature_folders",
    "feature_rows",
    "load_features",
    "publish_features",
    "read_features",
]

DEFAULT_FEATURES = "efficientnet_lite0"
CHUNK = 8  # pictures at a time and core: the activations of 8 are about 40 MB, and larger chunks are no faster
MOST_AT_ONCE = 8
FEATURES, NETWORK, RECORD = "features", "model.onnx", "record"


class FeatureRecord(Config):
    """What is needed to run the network, and where it comes from.

    side        pixels of its square input
    mean, scale of grey levels 0..255 at its input: (x − mean) / scale
    dimensions  F, features a picture
    map_shape   (channels, rows, columns) of its map of places, None of a network without one
    """

    name: str
    sha256: str
    side: int = Field(ge=8, le=1024)
    dimensions: int = Field(ge=1)
    map_shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    mean: float
    scale: float = Field(gt=0)
    weights: str
    licence: str


class FeatureModel:
    """A feature network ready to run.  It opens its file at the first picture."""

    def __init__(self, record: FeatureRecord, data: bytes, threads: int | None = None) -> None:
        """threads: chunks at a time, each on one; None: one a core, at most 8."""
        self.record = record
        self._data = data
        self._threads = threads or min(os.cpu_count() or 1, MOST_AT_ONCE)

    @property
    def name(self) -> str:
        """As it was pulled."""
        return self.record.name

    def encode(self, images: NDArray[np.uint8], tick: Callable[[int], object] = lambda done: None) -> NDArray[np.float32]:
        """Features (N, F) of images (N, C, H, W), uint8, C = 1 or 3, of any size.  tick(done): called after every chunk.

        Raises `RegistryError` for another shape or type, `UnsafeError` for a network that does not answer as it promised.
        """
        return self._answers(images, 0, tick)

    def maps(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Maps of places (N, channels, rows, columns) of images as in `encode`.  Raises as it does, and for a network without."""
        if self.record.map_shape is None:
            raise RegistryError(f"{self.name} must have a map of places: `python -m registry pull {self.name}` makes it anew")
        return self._answers(images, 1)

    def _answers(
        self, images: NDArray[np.uint8], output: int, tick: Callable[[int], object] = lambda done: None
    ) -> NDArray[np.float32]:
        """One of the network's outputs."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise RegistryError(f"pictures must be uint8 (N, 1 or 3, H, W), but got {images.dtype} {images.shape}")
        found = np.empty((len(images), *map(int, self.graph.outputs[output].shape[1:])), np.float32)
        starts = range(0, len(images), CHUNK)

        def run(start: int) -> NDArray[np.float32]:
            return self._run(self.fitted(images[start : start + CHUNK]))[output]

        assert self._session is not None  # opened once, before threads ask for it
        with ThreadPoolExecutor(self._threads) as pool:
            for start, answer in zip(starts, pool.map(run, starts), strict=True):
                found[start : start + CHUNK] = answer
                tick(start + len(answer))
        return found

    def fitted(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's input: three channels, resized (bilinear), scaled."""
        side = self.record.side
        x = np.empty((len(images), 3, side, side), np.float32)
        for row, image in enumerate(images):
            picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
            pixels = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
            x[row] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return (x - np.float32(self.record.mean)) / np.float32(self.record.scale)

    def _run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        from registry.sessions import run_session

        return run_session(self._session, NETWORK, self.graph, [x])

    @property
    def graph(self) -> Graph:
        """What goes in and out."""
        side = self.record.side
        image = TensorSpec(name="image", dtype="float32", shape=("batch", 3, side, side))
        shapes: dict[str, tuple[int, ...]] = {"features": (self.record.dimensions,)}
        if self.record.map_shape is not None:
            shapes["map"] = self.record.map_shape
        outputs = (TensorSpec(name=name, dtype="float32", shape=("batch", *shape)) for name, shape in shapes.items())
        return Graph(inputs=(image,), outputs=tuple(outputs))

    @cached_property
    def _session(self) -> Any:
        from registry.sessions import open_session

        return open_session(self._data, NETWORK, self.graph, ["CPUExecutionProvider"], 1)  # waiting threads spin


def load_features(name: str = DEFAULT_FEATURES, registry: str | Path | None = None, threads: int | None = None) -> FeatureModel:
    """The newest feature network `name` of the store, its bytes checked.

    One that this machine has not seen is first run in a child process with little memory and time (`registry.sandbox`).
    Raises `NotFoundError`, `DamagedError`, `UnsafeError`.
    """
    series = _series(name, registry)
    there = numbers(series)
    if not there:
        raise NotFoundError(f"there is no feature network {name}: `python -m registry pull {name}` makes it")
    record, data = read_features(series / str(there[-1]))
    model = FeatureModel(record, data, threads)
    try_network_once(NETWORK, data, model.graph)
    return model


def read_features(folder: Path) -> tuple[FeatureRecord, bytes]:
    """A network as it lies in the store, checked against its record.  Raises `DamagedError`."""
    try:
        record = FeatureRecord.model_validate({key: value for key, value in unseal(folder / RECORD).items() if key in _FIELDS})
        data = read_plain(folder / NETWORK, MAX_FILE_BYTES)
    except ValidationError as error:
        raise DamagedError(f"{folder} is damaged: {explain(error)}") from None
    except OSError as error:
        raise DamagedError(f"{folder} is damaged: {error.strerror or error}") from None
    if folder.is_symlink() or record.name != folder.parent.name:
        raise DamagedError(f"{folder} is damaged: it holds {record.name}, or is a link to another folder")
    if sha256(data) != record.sha256:
        raise DamagedError(f"{folder / NETWORK} is damaged: it does not match the sha256 of its record")
    return record, data


_FIELDS = frozenset(FeatureRecord.model_fields)


def feature_folders(root: Path) -> list[Path]:
    """All feature networks of the store, by name, oldest first."""
    series = sorted(path for path in (root / FEATURES).iterdir() if path.is_dir()) if (root / FEATURES).is_dir() else []
    return [each / str(number) for each in series for number in numbers(each)]


def feature_rows(registry: str | Path | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """A row a network (its record and its number); and one line for each that cannot be read."""
    rows, damage = [], []
    for folder in feature_folders(registry_folder(registry)):
        try:
            rows.append(read_features(folder)[0].model_dump(mode="json") | {"version": int(folder.name)})
        except DamagedError as error:
            damage.append(str(error))
    return rows, damage


def publish_features(record: FeatureRecord, data: bytes, registry: str | Path | None = None) -> FeatureModel:
    """Store a network, after running it once; the one already there is kept where it is the same, also if it came meanwhile.

    Raises `UnsafeError` for a network that does not do what the record says, `WriteError`.
    """
    model = FeatureModel(record, data)
    model.encode(np.zeros((2, 3, 8, 8), np.uint8))
    root, series = registry_folder(registry), _series(record.name, registry)
    with writing(root):
        Store(root).create()  # models and features share it, whichever comes first
        make_folder(series)
        with working_folder(root / "staging") as staged:
            write_file(staged / NETWORK, data)
            write_file(staged / RECORD, seal(signed(record.model_dump(mode="json"))))
            sync_folder(staged)
            while not _newest_is(series, record.sha256):
                if claim(staged, series, max(numbers(series), default=0) + 1):
                    break
    remember_network(data)  # it has run here
    return load_features(record.name, registry)


def _newest_is(series: Path, digest: str) -> bool:
    there = numbers(series)
    return bool(there) and unseal(series / str(there[-1]) / RECORD).get("sha256") == digest


def _series(name: str, registry: str | Path | None) -> Path:
    check_name(name)
    return registry_folder(registry) / FEATURES / name
