"""One file that another registry imports with the same digest: see `registry.bundle`.  An existing bundle is replaced."""

from __future__ import annotations

from pathlib import Path

from registry.bundle import export_bundle, read_bundle
from registry.errors import RegistryError
from registry.exports._folders import writable_parent
from registry.version import Version

__all__ = ["READ_BY", "check", "read", "write"]

READ_BY = "python -m registry import"


def check(place: str) -> None:
    """Raises `RegistryError` for a folder, or a place that cannot be written."""
    if Path(place).is_dir():
        raise RegistryError(f"a bundle is a file, but {place} is a folder")
    writable_parent(Path(place))


def write(version: Version, place: str) -> str:
    """The bundle in the file `place`."""
    export_bundle(version, Path(place))
    return place


def read(place: str) -> tuple[str, bytes, dict[str, bytes]]:
    """What the bundle in the file `place` holds."""
    header, manifest, files = read_bundle(Path(place))
    return header["name"], manifest, files
