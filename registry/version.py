"""One published version, and its files: whatever is read is checked first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.disk import MAX_DOCUMENT, numbers, read_plain, seal, sha256, signed, sync_folder, unseal, write_file
from registry.errors import DamagedError, NotFoundError, RegistryError
from registry.heads import check_place
from registry.leases import Lease, hold
from registry.manifest import Manifest, parse_manifest
from registry.names import check_file_name

__all__ = [
    "MANIFEST",
    "PUBLISHED",
    "Version",
    "check_files",
    "list_versions",
    "open_version",
    "read_files",
    "stamp",
    "write_version",
]

MANIFEST, PUBLISHED = "manifest.json", "published"
MAX_FILE_BYTES = 2**31 - 1  # what a protocol buffer, and so an ONNX file, can hold


@dataclass(frozen=True)
class Version:
    """One published version.  digest: sha256 of its manifest, the model's identity in every store.

    claimed: it was brought in, so its metrics are what others say of it; else they were measured when it was published.
    lease: as long as this object lives `gc` leaves the version alone, unless it came out of a list (see `registry.leases`).
    """

    name: str
    number: int
    digest: str
    published: str
    by: str
    folder: Path = field(repr=False, compare=False)
    lease: Lease = field(default_factory=Lease, repr=False, compare=False)
    claimed: bool = field(default=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def where(self) -> str:
        """Where it is, for people."""
        return str(self.folder)

    @cached_property
    def manifest(self) -> Manifest:
        """Raises `DamagedError` when it is not the one that was published."""
        return parse_manifest(self.check(MANIFEST, self.digest))

    @property
    def facts(self) -> dict[str, Any]:
        """The manifest as plain values: it was validated when it was published, and its digest says that it is the same.

        Parsing it takes ten times as long as reading it, which a list of thousands would notice.
        """
        found: dict[str, Any] = json.loads(self.manifest_bytes())
        return found

    def manifest_bytes(self) -> bytes:
        """The manifest as it is stored; its sha256 is `digest`."""
        return self.check(MANIFEST, self.digest)

    def read(self) -> dict[str, bytes]:
        """The bytes of all files.  Raises `DamagedError` when one of them is not the one that was published."""
        return {name: self.check(name, record.sha256) for name, record in self.manifest.files.items()}

    def check(self, name: str, digest: str) -> bytes:
        """The bytes of one file that must have this digest.

        Raises `DamagedError`; `NotFoundError` when the whole version has been taken away since it was listed.
        """
        try:
            data = read_plain(self.folder / name, MAX_DOCUMENT if name == MANIFEST else self.manifest.files[name].size)
        except OSError as error:
            if not self.folder.exists():
                raise NotFoundError(f"{self} is not there any more") from None
            raise DamagedError(f"{self} is damaged: {name}: {error.strerror or error}") from None
        if sha256(data) != digest:
            raise DamagedError(f"{self} is damaged: {self.folder / name} is not the file that was published")
        return data


def open_version(name: str, folder: Path, lease: Lease | None = None) -> Version:
    """The version in a folder that is called by its number, held, by `lease` if one is given.

    Raises `DamagedError`; `NotFoundError` when the folder is not there (any more).
    """
    try:
        lease = lease or hold(folder)
    except FileNotFoundError:
        raise NotFoundError(f"{name}@{folder.name} is not there any more") from None
    return _opened(name, folder, lease)


def list_versions(name: str, series: Path) -> Iterator[Version | DamagedError]:
    """What is in a folder of versions, oldest first, or why it cannot be read.  They are not held: a list may be long."""
    for number in numbers(series):
        folder = series / str(number)
        try:
            yield _opened(name, folder, Lease())
        except DamagedError as error:
            if folder.exists() or folder.is_symlink():  # else taken away while we looked
                yield error


def _opened(name: str, folder: Path, lease: Lease) -> Version:
    record: dict[str, Any] = unseal(folder / PUBLISHED, {"manifest": str, "time": str, "by": str})
    check_place(record, folder, name)
    claimed = bool(record.get("claimed"))
    return Version(name, int(folder.name), record["manifest"], record["time"], record["by"], folder, lease, claimed)


def write_version(folder: Path, files: dict[str, bytes], manifest: bytes) -> None:
    """Write a version into the empty `folder` and wait until all of it is on the disk; `stamp` makes it one."""
    for path, data in files.items():
        if "/" in path:  # never `folder` itself: somebody may have moved it away
            (folder / path).parent.mkdir(exist_ok=True)
        write_file(folder / path, data)
    write_file(folder / MANIFEST, manifest)
    for inner in sorted({(folder / path).parent for path in files} | {folder}, reverse=True):
        sync_folder(inner)


def stamp(folder: Path, place: dict[str, Any]) -> None:
    """Write the record of a version that will take this place (`registry.heads.link`), again where another was taken.

    place: with `claimed` where its metrics are what others say of it.
    """
    (folder / PUBLISHED).unlink(missing_ok=True)
    write_file(folder / PUBLISHED, seal(signed({"manifest": sha256((folder / MANIFEST).read_bytes()), **place})))
    sync_folder(folder)


def read_files(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """A version in any folder, its files checked against the manifest beside them.  Raises `RegistryError`, `OSError`."""
    manifest = parse_manifest(read_plain(folder / MANIFEST))
    files = {name: read_plain(folder / name, record.size) for name, record in manifest.files.items()}
    check_files(files, manifest)
    return manifest, files


def check_files(files: dict[str, bytes], manifest: Manifest) -> None:
    """Raises `RegistryError` unless these are exactly the manifest's files."""
    if set(files) != set(manifest.files):
        raise RegistryError(f"the manifest lists {sorted(manifest.files)}, but the files are {sorted(files)}")
    for path, data in files.items():
        check_file_name(path)
        if path in (MANIFEST, PUBLISHED):
            raise RegistryError(f"{path} is written by the store and cannot be one of the files")
        if len(data) > MAX_FILE_BYTES:
            raise RegistryError(f"a file has at most {MAX_FILE_BYTES} bytes, but {path} has {len(data)}")
        if len(data) != manifest.files[path].size or sha256(data) != manifest.files[path].sha256:
            raise DamagedError(f"{path} is not the file that the manifest describes")
