"""Three primitives that survive a kill or a power cut at any instant; the store is built of nothing else.

    write_file   a new file whose bytes are on the disk when the function returns
    claim        a finished folder becomes number n of a series, all at once, and only if n is still free
    seal         a small record that carries its own sha256, so that a flipped bit is seen

`claim` is a compare-and-swap without a lock: renaming a folder onto a folder that has content fails, on local file systems
and on network ones.  Who loses the race re-reads and tries the next number.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any

from registry.errors import DamagedError, RegistryError, WriteError
from registry.leases import Lease, hold

__all__ = [
    "MAX_DOCUMENT",
    "MAX_RECORD",
    "canonical_json",
    "claim",
    "digest_of",
    "make_folder",
    "numbers",
    "read_plain",
    "replace_file",
    "seal",
    "sha256",
    "signed",
    "sync_folder",
    "unseal",
    "working_folder",
    "write_file",
    "writing",
]

MAX_RECORD, MAX_DOCUMENT = 2**16, 2**24  # bytes of what is sealed; of what is read into memory before it is known
_PLAINLY = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def sha256(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical_json(value: Any) -> bytes:
    """The one way this value is written: sorted keys, no NaN, two-space indent (people read it), a final newline."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_file(path: Path, data: bytes) -> None:
    """Create `path` (it must not exist) and wait until its bytes are on the disk."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_plain(path: Path, most: int = MAX_DOCUMENT) -> bytes:
    """The bytes of a plain file, of at most `most`.  Raises `OSError`; a link, a pipe or a device is none: one could wait for
    its end for ever."""
    try:
        handle = os.open(path, _PLAINLY)
    except OSError:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link", str(path)) from None
        raise
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, and {most:,} at most can be right", str(path))
        data = os.read(handle, found.st_size)
        while len(data) < found.st_size and (more := os.read(handle, found.st_size - len(data))):
            data += more
        return data
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the folder's list of names is on the disk.  Windows and some network file systems cannot be asked to."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Create `path` and its parents, each of them on the disk before the next; no matter who else does it too."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def numbers(series: Path) -> list[int]:
    """The numbers that have been claimed in the folder `series`, ascending; none when it does not exist."""
    try:
        return sorted(int(name) for name in os.listdir(series) if _NUMBER.fullmatch(name))
    except FileNotFoundError:
        return []


def claim(staged: Path, series: Path, number: int) -> bool:
    """Make the folder `staged` number `number` of `series`.  False, and nothing done, when the number is taken."""
    try:
        os.rename(staged, series / str(number))
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES) and (series / str(number)).exists():
            return False
        raise
    sync_folder(series)
    return True


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A new folder below `parent`, held (`registry.leases`), that is gone at the end unless it was renamed away.

    A killed process leaves it to `gc`.
    """
    make_folder(parent)
    folder, lease = _held_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lease.end()


def _held_folder(parent: Path) -> tuple[Path, Lease]:
    while True:
        folder = parent / uuid.uuid4().hex
        folder.mkdir()
        try:
            return folder, hold(folder)
        except FileNotFoundError:  # `gc` was between the two lines above
            continue


def replace_file(staging: Path, path: Path, data: bytes) -> None:
    """Write `path` anew: a reader sees the old content or the new one, never a part, also after a power cut."""
    make_folder(path.parent)
    with working_folder(staging) as staged:
        write_file(staged / path.name, data)
        os.replace(staged / path.name, path)
    sync_folder(path.parent)


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """A full disk or a read-only folder becomes a `WriteError` of one line."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write to the model store {root}: {error.strerror or error}; nothing was changed") from error


def seal(record: dict[str, Any]) -> bytes:
    """One line: the sha256 of the rest, a space, the record as JSON.  Raises `RegistryError` for one that is too long."""
    body = json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
    most = MAX_RECORD - 100  # room for the seal
    if len(body) > most:
        raise RegistryError(f"a record (tags, description) has at most {most:,} bytes, but this one has {len(body):,}")
    return hashlib.sha256(body).hexdigest().encode() + b" " + body + b"\n"


def unseal(path: Path, fields: Mapping[str, type | UnionType] = MappingProxyType({})) -> dict[str, Any]:
    """The record in `path`.  Raises `DamagedError` when it is missing, a single bit of it has changed, or it is no such record.

    fields: what it must have; a seal says that nothing has changed, not who has written it.
    """
    try:
        line = read_plain(path)
    except OSError as error:
        raise DamagedError(f"{path} is damaged: {error.strerror or error}") from None
    digest, body = line[:64], line[65:-1]
    if line[64:65] + line[-1:] != b" \n" or hashlib.sha256(body).hexdigest().encode() != digest:
        raise DamagedError(f"{path} is damaged: it does not match its own sha256")
    try:
        record: dict[str, Any] = json.loads(body)
        wrong = [name for name, kind in fields.items() if not isinstance(record[name], kind)]
        datetime.fromisoformat(record["time"] if "time" in fields else "2000-01-01")
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise DamagedError(f"{path} is damaged: it is not a record ({type(error).__name__})") from None
    if wrong or not isinstance(record, dict):
        raise DamagedError(f"{path} is damaged: it is not a record ({', '.join(wrong) or type(record).__name__})")
    return record


def digest_of(path: Path) -> str:
    """The digest in a sealed record, unread: by it the next record names this one.  Raises `DamagedError`."""
    try:
        return read_plain(path)[:64].decode("ascii", "replace")
    except OSError as error:
        raise DamagedError(f"{path} is damaged: {error.strerror or error}") from None


def signed(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the time (UTC) and who wrote it (user@host)."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return record | {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "by": f"{user}@{platform.node()}"}
