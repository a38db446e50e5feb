"""A new folder, written beside its place and moved there when it is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from registry.errors import RegistryError, WriteError

__all__ = ["new_folder", "writable_parent", "write_folder"]


def new_folder(place: str) -> None:
    """Raises `RegistryError` unless `place` is new or an empty folder, where something can be written."""
    folder = Path(place).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RegistryError(f"the folder to export to must be new or empty, but {place} is not")
    writable_parent(folder)


def writable_parent(path: Path) -> None:
    """Raises `WriteError` unless the nearest existing folder above `path` can be written."""
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise WriteError(f"{path} must be in a folder that can be written, but {there} is none")


def write_folder(place: str, files: Mapping[str, bytes]) -> None:
    """All of `files` (by path below the folder) or nothing.  Raises `OSError`."""
    folder = Path(place).absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, data in files.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_bytes(data)
        staged.chmod(0o755)
        os.replace(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
