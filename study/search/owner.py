"""One driver a study: two would take each other's running trials for interrupted ones, and drop their results.

The owner holds an exclusive `flock` on `owner.lock` in the study's folder; the kernel releases it when the process ends,
however it ends.  Over NFS Linux turns it into a byte-range lock of the server, which holds between machines and is released when
the client's lease ends; a file system mounted with `nolock` or `local_lock` protects against drivers of the same machine only.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from models.errors import UserError
from study.records.folder import StudyFolder

__all__ = ["owned"]


@contextmanager
def owned(folder: StudyFolder) -> Iterator[None]:
    """Own the study for a while.  Raises `UserError` when another process does."""
    lock, who = FileLock(folder.path / "owner.lock"), folder.path / "owner.txt"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        other = who.read_text().strip() if who.is_file() else "another process"
        raise UserError(f"a study has one driver at a time, but {folder.name} is being run by {other}") from None
    try:
        with contextlib.suppress(OSError):  # a full disk: who owns it is a courtesy
            who.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield
    finally:
        who.unlink(missing_ok=True)
        lock.release()
