"""A store elsewhere, as files of this machine in the layout of a folder: records, manifests and, if asked, files.

What a place lists is not trusted: only keys that a store has are taken, none longer than such a thing is, and whatever is
damaged there is damaged here, for the code that reads a store to find.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from registry.disk import MAX_DOCUMENT, MAX_RECORD, sha256, unseal
from registry.errors import DamagedError, RegistryError, UnsafeError
from registry.manifest import parse_manifest
from registry.places import Place
from registry.version import MANIFEST, PUBLISHED

__all__ = ["CONNECTIONS", "blob_key", "bring", "copy_store", "records"]

CONNECTIONS = 16  # at a time
_RECORD = re.compile(r"models/[a-z0-9][a-z0-9._-]*/(?:versions/[1-9][0-9]{0,17}/published|log/[1-9][0-9]{0,17}/record)")
_HEAD = re.compile(r"heads/[a-z0-9][a-z0-9._-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def blob_key(digest: str) -> str:
    """Where the content with this digest is.  Raises `DamagedError` for what is none."""
    if not _DIGEST.fullmatch(digest):
        raise DamagedError(f"a digest is sha256: and 64 digits, but got {digest[:80]!r}")
    return f"blobs/{digest.removeprefix('sha256:')}"


def records(place: Place, name: str | None) -> dict[str, str]:
    """Key → tag of all that the mirror has: heads first, so that no head is newer than the series."""
    there = {key: tag for key, tag in place.list("heads").items() if _HEAD.fullmatch(key)}
    listed = place.list("models" if name is None else f"models/{name}")
    there |= {key: tag for key, tag in listed.items() if _RECORD.fullmatch(key) and ".." not in key}
    with suppress(FileNotFoundError):
        there["store.json"] = sha256(place.read("store.json", MAX_RECORD))
    return there


def bring(root: Path, key: str, read: Callable[[], bytes], blob: Callable[[str, int], bytes], files: bool = False) -> bool:
    """Put a record, and a version's manifest (and files), into a folder, damaged or not.  False: it is gone since."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(read())
    except UnsafeError:  # no record is so long
        path.write_bytes(b"")
    except FileNotFoundError:
        shutil.rmtree(path.parent) if key.startswith("models/") else None
        return False
    if path.name == PUBLISHED:
        with suppress(RegistryError, FileNotFoundError, KeyError, TypeError):  # whoever needs it says so
            manifest = blob(unseal(path)["manifest"], MAX_DOCUMENT)
            (path.parent / MANIFEST).write_bytes(manifest)
            for name, record in parse_manifest(manifest).files.items() if files else ():
                (path.parent / name).parent.mkdir(exist_ok=True)
                with suppress(FileNotFoundError, UnsafeError):
                    (path.parent / name).write_bytes(blob(record.sha256, record.size))
    return True


def copy_store(place: Place, folder: Path, name: str | None, number: int | None) -> None:
    """Everything as it is there, in the layout of a folder; files of one version only if it is said which."""

    def one(key: str) -> None:
        files = name is None or number is None or key == f"models/{name}/versions/{number}/{PUBLISHED}"
        bring(folder, key, partial(place.read, key, MAX_RECORD), lambda digest, most: place.read(blob_key(digest), most), files)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(one, records(place, name)))
