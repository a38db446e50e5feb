"""A model by what a person calls it: a published one by name, or a model file of a study by path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import load_model
from models.codec import Codec, TorchCodec
from models.config import VAEConfig
from models.errors import UserError
from models.preprocessing import Preprocessing
from registry import load

__all__ = ["OpenModel", "from_codec", "open_model"]


@dataclass(frozen=True)
class OpenModel:
    """A codec with what it takes to feed it.  dataset: the name of what it was trained on, where that is known."""

    name: str
    codec: Codec
    config: VAEConfig
    preprocessing: Preprocessing
    dataset: str | None = None


def open_model(reference: str, registry: Path | None = None) -> OpenModel:
    """`NAME`, `NAME@ALIAS`, `NAME@3` in the registry, or a path to a `.vae` file.

    Raises `UserError` when there is no such model, or it is damaged.
    """
    path = Path(reference)
    if path.suffix == ".vae" or path.is_file():
        vae = load_model(path)
        return from_codec(TorchCodec(vae), vae.config, path.name)
    model = load(reference, registry=registry)
    manifest = model.manifest
    return OpenModel(model.name, model, manifest.model, manifest.preprocessing, manifest.lineage.dataset.name)


def from_codec(codec: Codec, config: VAEConfig, name: str, preprocessing: Preprocessing | None = None) -> OpenModel:
    """A torch model, which does not know how its pictures were prepared: cut to the middle and resized."""
    channels, *size = config.image_shape
    if channels not in (1, 3):
        raise UserError(f"pictures have 1 or 3 channels, but {name} is for {channels}")
    fitting = Preprocessing(size=(size[0], size[1]), mode="RGB" if channels == 3 else "L")
    return OpenModel(name, codec, config, preprocessing or fitting)
