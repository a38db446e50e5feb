"""A folder in the layout of the Hugging Face Hub, to upload as it is: `hf upload OWNER/NAME PLACE`.

onnx/encoder.onnx, onnx/decoder.onnx      where the Hub's ONNX tools look
config.json                               the networks' configuration, shapes and preprocessing
README.md                                 the model card, with the YAML header that the Hub indexes (metrics as model-index)
manifest.json, card.md, pictures/         the version's own; the manifest's digest is its identity
"""

from __future__ import annotations

import json
from typing import Any

from registry.card import model_card
from registry.exports._folders import new_folder as check
from registry.exports._folders import read_folder, write_folder
from registry.manifest import Manifest
from registry.version import MANIFEST, Version

__all__ = ["READ_BY", "check", "read", "write"]

READ_BY = "the Hugging Face Hub and huggingface_hub"


def write(version: Version, place: str) -> str:
    """Into the new folder `place`."""
    files, manifest = version.read(), version.manifest
    own = {_where(name): data for name, data in files.items()}
    page = files.get("card.md", b"").decode() or model_card(version.name, manifest)
    card = f"---\n{_yaml(_header(version, manifest))}\n---\n\n{page}"
    config = json.dumps(_config(version, manifest), indent=2) + "\n"
    write_folder(
        place,
        {**own, "config.json": config.encode(), "README.md": card.encode(), MANIFEST: version.manifest_bytes()},
    )
    return place


def read(place: str) -> tuple[str, bytes, dict[str, bytes]]:
    """What the folder `place` holds; README.md and config.json may have been edited since."""
    return read_folder(place, _where)


def _where(name: str) -> str:
    return f"onnx/{name}" if name.endswith(".onnx") else name


def _config(version: Version, manifest: Manifest) -> dict[str, Any]:
    channels, height, width = manifest.signature.image_shape
    return {
        "model_type": "vae",
        "num_channels": channels,
        "image_size": [height, width],
        "latent_dim": manifest.signature.latent_dim,
        "preprocessing": manifest.preprocessing.model_dump(mode="json"),
        "signature": manifest.signature.model_dump(mode="json"),
        "vae": manifest.model.model_dump(mode="json"),
        "digest": version.digest,
    }


def _header(version: Version, manifest: Manifest) -> dict[str, Any]:
    """The fields of https://huggingface.co/docs/hub/model-cards that are known; a licence is its owner's to choose."""
    dataset = manifest.lineage.dataset
    metrics = [{"type": key, "name": key, "value": value} for key, value in sorted(manifest.metrics.items()) if value is not None]
    result = {
        "task": {"type": "image-feature-extraction"},
        "dataset": {"type": dataset.name, "name": f"{dataset.name} ({dataset.source})"},
        "metrics": metrics,
    }
    index = {"model-index": [{"name": version.name, "results": [result]}]} if metrics else {}
    return {
        "library_name": "onnx",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["vae", "variational-autoencoder", manifest.model.architecture],
        **index,
    }


def _yaml(value: Any, indent: str = "") -> str:
    """Block YAML of maps and lists that are not empty; scalars as JSON, which YAML reads as what they are."""
    lines = []
    for key, inner in value.items() if isinstance(value, dict) else [("-", each) for each in value]:
        head = f"{indent}-" if key == "-" else f"{indent}{key}:"
        if isinstance(inner, (dict, list)):
            lines.append(f"{head}\n{_yaml(inner, indent + '  ')}")
        else:
            lines.append(f"{head} {json.dumps(inner, ensure_ascii=False)}")
    return "\n".join(lines)
