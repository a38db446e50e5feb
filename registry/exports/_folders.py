"""A new folder, written beside its place and moved there when it is complete; and the distrustful reading of one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from registry.disk import MAX_DOCUMENT, read_plain
from registry.errors import NotFoundError, RegistryError, UnsafeError, WriteError
from registry.manifest import parse_manifest
from registry.version import MANIFEST

__all__ = ["new_folder", "read_folder", "writable_parent", "write_folder"]


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


def read_folder(place: str, where: Callable[[str], str] = str) -> tuple[str, bytes, dict[str, bytes]]:
    """(the folder's name, manifest, files): what the manifest lists, and nothing else.  where: a file's path in the folder.

    Raises `NotFoundError`, `UnsafeError` for links, devices and files that are longer than they should be.
    """
    folder = Path(place)
    if not (folder / MANIFEST).exists():
        raise NotFoundError(f"a folder to import holds the {MANIFEST} of an exported model, but {place} has none")
    manifest = _plain(folder / MANIFEST, MAX_DOCUMENT)
    listed = parse_manifest(manifest).files
    return folder.absolute().name, manifest, {name: _plain(folder / where(name), file.size) for name, file in listed.items()}


def _plain(path: Path, limit: int) -> bytes:
    if not path.exists():
        raise NotFoundError(f"the folder to import must be complete, but it has no {path}")
    try:
        return read_plain(path, limit)
    except OSError as error:
        raise UnsafeError(
            f"a folder to import holds plain files only, as long as they should be, but {path}: {error.strerror}"
        ) from None
