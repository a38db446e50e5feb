"""A folder of the version's files as they are in the store: manifest.json, encoder.onnx, decoder.onnx, card.md, pictures/."""

from __future__ import annotations

from registry.exports._folders import new_folder as check
from registry.exports._folders import read_folder as read
from registry.exports._folders import write_folder
from registry.version import MANIFEST, Version

__all__ = ["READ_BY", "check", "read", "write"]

READ_BY = "people, and whatever runs ONNX"


def write(version: Version, place: str) -> str:
    """Into the new folder `place`."""
    write_folder(place, {MANIFEST: version.manifest_bytes(), **version.read()})
    return place
