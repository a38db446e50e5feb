"""One model as one file: an uncompressed tar whose bytes depend on the model alone, and the distrustful reading of one.

    bundle.json      {"format": 1, "name": …, "digest": …}
    manifest.json    byte for byte as stored, so that an import has the same digest
    …                the manifest's files, sorted

A bundle comes from somebody else.  Nothing is ever unpacked to a path that the archive chooses: members are read into memory
one by one, and only regular files with expected names and at most the sizes that the manifest states.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

from models.files import write_atomically
from registry.disk import MAX_DOCUMENT, canonical_json, sha256
from registry.errors import NotFoundError, RegistryError, UnsafeError
from registry.inference import Model
from registry.manifest import parse_manifest
from registry.names import check_name
from registry.sandbox import NETWORKS, try_once
from registry.store import Store
from registry.version import MANIFEST, Version, read_files

__all__ = ["bundle_bytes", "export_bundle", "import_bundle", "publish_copy", "read_bundle"]

HEADER, FORMAT = "bundle.json", 1
MAX_HEADER, MAX_TOTAL = 2**12, 2**32  # bytes


def bundle_bytes(version: Version) -> bytes:
    """The bundle of a version.  Raises `DamagedError` rather than pack a file that has changed."""
    header = {"format": FORMAT, "name": version.name, "digest": version.digest}
    members = {HEADER: canonical_json(header), MANIFEST: version.manifest_bytes(), **version.read()}
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)  # no times, no owner, mode 0644
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


def export_bundle(version: Version, path: Path) -> None:
    """Write the bundle to `path`, all or nothing."""
    if path.is_dir():
        raise RegistryError(f"a bundle is a file, but {path} is a folder")
    write_atomically(path, bundle_bytes(version))


def import_bundle(store: Store, path: Path, name: str | None = None) -> Version:
    """Publish the bundle's model as the next version of `name` (its own name, if None); it keeps its digest.

    The files pass the same checks as at `load`.  A model that is there already, under that name, is not added again.
    Raises `UnsafeError`, `DamagedError`.
    """
    header, manifest, files = read_bundle(path)
    return publish_copy(store, name or header["name"], manifest, files)


def publish_copy(store: Store, name: str, manifest: bytes, files: dict[str, bytes]) -> Version:
    """The next version of `name`, with these exact bytes, checked as at `load`; or the version that has them already.

    Its metrics are marked as claimed: nobody has measured them here.

    Raises `UnsafeError`, `DamagedError`.
    """
    digest = sha256(manifest)
    return store.publish_exactly(name, files, manifest, gate=_opens, same=lambda version: version.digest == digest, claimed=True)


def read_bundle(path: Path) -> tuple[dict[str, Any], bytes, dict[str, bytes]]:
    """Header, manifest and files, checked against each other.  Raises `UnsafeError` and says what is wrong."""
    try:
        if (size := os.stat(path).st_size) > MAX_TOTAL:
            raise UnsafeError(f"a bundle has at most {MAX_TOTAL} bytes, but {path} has {size}")
        with tarfile.open(path, mode="r:") as archive:  # the colon: no compression, so no bombs
            members = _Members(archive, path)
            header = _header(members.take(HEADER, MAX_HEADER), path)
            manifest = members.take(MANIFEST, MAX_DOCUMENT)
            if sha256(manifest) != header["digest"]:
                raise UnsafeError(f"{path} is damaged: its manifest is not the one that it announces")
            expected = parse_manifest(manifest).files
            files = {file: members.take(file, record.size) for file, record in sorted(expected.items())}
            members.end()
    except FileNotFoundError:
        raise NotFoundError(f"there is no bundle {path}") from None
    except IsADirectoryError:
        raise RegistryError(f"a bundle is a file, but {path} is a folder") from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        if isinstance(error, RegistryError):
            raise
        raise UnsafeError(f"{path} is not a bundle (an uncompressed tar): {error}") from None
    return header, manifest, files


class _Members:
    """The archive's members, in order; every one has to be the one that is expected next."""

    def __init__(self, archive: tarfile.TarFile, path: Path) -> None:
        self.archive = archive
        self.path = path

    def take(self, name: str, limit: int) -> bytes:
        entry = self.archive.next()
        if entry is None:
            raise UnsafeError(f"{self.path} is incomplete: {name} is missing")
        if not entry.isreg() or entry.issparse():
            raise UnsafeError(f"a bundle holds plain files only, but {self.path} has {entry.name!r}, a link or device")
        if entry.name != name:
            raise UnsafeError(f"{self.path} must hold {name} here, but it holds {entry.name[:100]!r}")
        if entry.size > limit:
            raise UnsafeError(f"{name} has at most {limit} bytes, but {self.path} announces {entry.size}")
        file = self.archive.extractfile(entry)
        data = b"" if file is None else file.read()
        if len(data) != entry.size:
            raise UnsafeError(f"{self.path} is cut off in the middle of {name}")
        return data

    def end(self) -> None:
        entry = self.archive.next()
        if entry is not None:
            raise UnsafeError(f"{self.path} holds a file that its manifest does not list: {entry.name[:100]!r}")


def _header(data: bytes, path: Path) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(data)
        made, _, _ = header["format"], check_name(header["name"]), header["digest"]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, RegistryError):
            raise
        raise UnsafeError(f"{path} is not a bundle: {HEADER} cannot be read") from None
    if made != FORMAT:
        raise UnsafeError(f"{path} is a bundle of format {made}, but this program reads {FORMAT}: upgrade it")
    return header


def _opens(staged: Path) -> None:
    """The gate of an import: the staged files are the manifest's, and they are the model that it describes."""
    manifest, files = read_files(staged)
    if all(network in files for network in NETWORKS):
        try_once(files, manifest.signature)
    Model(manifest, files, name="the bundle's model")
