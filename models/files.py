"""Writing a file so that a reader sees the old content or the new one, never a part, also after a power cut."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from models.errors import UserError

__all__ = ["check_writable", "is_url", "local_folder", "write_atomically"]


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write beside `path`, fsync, rename over it.  Creates the folder; an `OSError` leaves `path` as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_url(text: str | Path) -> bool:
    """Whether this names a place by URL, not a folder by path.

    >>> is_url("s3://bucket/runs"), is_url("runs"), is_url("C:/runs")
    (True, False, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(text)) is not None  # `Path` makes one slash of two


def local_folder(path: str | Path) -> Path:
    """The folder, absolute.  Raises `UserError` for a URL: taken as a path, `s3://bucket` would be a folder named `s3:` here.

    >>> local_folder("/tmp/a").as_posix()
    '/tmp/a'
    """
    if is_url(path):
        raise UserError(f"a folder of this machine or of a shared file system is needed, but got the URL {path}")
    return Path(path).expanduser().absolute()


def check_writable(folder: Path, what: str) -> None:
    """Raises `UserError` where a file, or a folder that takes none, is where `folder` is or would be.  what: `--out`.

    For work whose end is writing there: it fails before it has begun.
    """
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    try:
        tempfile.TemporaryDirectory(dir=there, prefix=".writable-").cleanup()
    except OSError as error:
        raise UserError(f"{what} must be a folder that can be written, but got {folder}: {error.strerror}: {there}") from None
