"""Pretrained image features: a network of ImageNet, stored as an ONNX file and run without torch.

    <registry>/features/NAME/1/model.onnx      images (batch, 3, H, W) float32 → features (batch, F)
                              /record          sealed: the file's sha256, sizes, the scale of pixels, where weights come from

A small VAE trained on sixty photographs knows sixty photographs; a network that has seen a million knows what a frog is.  Only
the distances between a folder's own pictures are used, never the network's class labels (Bergman, Cohen & Hoshen 2020).

`python -m registry pull efficientnet_lite0` makes the file from installed weights (`registry.feature_export`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError

from models.config import Config
from models.errors import explain
from registry.disk import claim, make_folder, numbers, seal, sha256, signed, unseal, working_folder, write_file, writing
from registry.errors import DamagedError, NotFoundError, RegistryError
from registry.manifest import Graph, TensorSpec
from registry.names import check_name
from registry.place import registry_folder
from registry.store import Store

__all__ = ["DEFAULT_FEATURES", "FeatureModel", "FeatureRecord", "load_features", "publish_features"]

DEFAULT_FEATURES = "efficientnet_lite0"
CHUNK = 32  # pictures at a time: the activations of 32 are about 150 MB
NETWORK, RECORD = "model.onnx", "record"


class FeatureRecord(Config):
    """What is needed to run the network, and where it comes from.

    side        pixels of its square input
    mean, scale of grey levels 0..255 at its input: (x − mean) / scale
    dimensions  F, features a picture
    """

    name: str
    sha256: str
    side: int = Field(ge=8, le=1024)
    dimensions: int = Field(ge=1)
    mean: float
    scale: float = Field(gt=0)
    weights: str
    licence: str


class FeatureModel:
    """A feature network ready to run.  It opens its file at the first picture."""

    def __init__(self, record: FeatureRecord, data: bytes, threads: int | None = None) -> None:
        self.record = record
        self._data = data
        self._threads = threads

    @property
    def name(self) -> str:
        """As it was pulled."""
        return self.record.name

    def encode(self, images: NDArray[np.uint8], tick: Callable[[int], object] = lambda done: None) -> NDArray[np.float32]:
        """Features (N, F) of images (N, C, H, W), uint8, C = 1 or 3, of any size.  tick(done): called after every chunk.

        Raises `RegistryError` for another shape or type, `UnsafeError` for a network that does not answer as it promised.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise RegistryError(f"pictures must be uint8 (N, 1 or 3, H, W), but got {images.dtype} {images.shape}")
        found = np.empty((len(images), self.record.dimensions), np.float32)
        for start in range(0, len(images), CHUNK):
            rows = slice(start, min(start + CHUNK, len(images)))
            found[rows] = self._run(self.fitted(images[rows]))
            tick(rows.stop)
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

    def _run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        from registry.sessions import run_session

        return run_session(self._session, NETWORK, self._graph, [x])[0]

    @property
    def _graph(self) -> Graph:
        side = self.record.side
        image = TensorSpec(name="image", dtype="float32", shape=("batch", 3, side, side))
        return Graph(
            inputs=(image,), outputs=(TensorSpec(name="features", dtype="float32", shape=("batch", self.record.dimensions)),)
        )

    @cached_property
    def _session(self) -> Any:
        from registry.sessions import open_session

        return open_session(self._data, NETWORK, self._graph, ["CPUExecutionProvider"], self._threads)


def load_features(name: str = DEFAULT_FEATURES, registry: str | Path | None = None, threads: int | None = None) -> FeatureModel:
    """The newest feature network `name` of the store, its bytes checked.  Raises `NotFoundError`, `DamagedError`."""
    series = _series(name, registry)
    there = numbers(series)
    if not there:
        raise NotFoundError(f"there is no feature network {name}: `python -m registry pull {name}` makes it")
    folder = series / str(there[-1])
    try:
        record = FeatureRecord.model_validate({key: value for key, value in unseal(folder / RECORD).items() if key in _FIELDS})
        data = (folder / NETWORK).read_bytes()
    except ValidationError as error:
        raise DamagedError(f"{folder} is damaged: {explain(error)}") from None
    except OSError as error:
        raise DamagedError(f"{folder} is damaged: {error.strerror or error}") from None
    if sha256(data) != record.sha256:
        raise DamagedError(f"{folder / NETWORK} is damaged: it does not match the sha256 of its record")
    return FeatureModel(record, data, threads)


_FIELDS = frozenset(FeatureRecord.model_fields)


def publish_features(record: FeatureRecord, data: bytes, registry: str | Path | None = None) -> FeatureModel:
    """Store a network, after running it once; the one already there is kept where it is the same.

    Raises `UnsafeError` for a network that does not do what the record says, `WriteError`.
    """
    model = FeatureModel(record, data)
    model.encode(np.zeros((2, 3, 8, 8), np.uint8))
    series = _series(record.name, registry)
    with writing(registry_folder(registry)):
        if (there := numbers(series)) and unseal(series / str(there[-1]) / RECORD).get("sha256") == record.sha256:
            return load_features(record.name, registry)
        Store(registry_folder(registry)).create()  # models and features share it, whichever comes first
        make_folder(series)
        with working_folder(registry_folder(registry) / "staging") as staged:
            write_file(staged / NETWORK, data)
            write_file(staged / RECORD, seal(signed(record.model_dump(mode="json"))))
            while not claim(staged, series, max(numbers(series), default=0) + 1):
                continue
    return model


def _series(name: str, registry: str | Path | None) -> Path:
    check_name(name)
    return registry_folder(registry) / "features" / name
