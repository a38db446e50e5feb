"""Who is at work in a folder of the store: `gc` takes no folder that somebody writes or reads, however old it is.

A lease is a shared lock (flock) of the folder itself.  It needs no file, so a read-only store has leases too; it stays with the
folder when that is renamed, and the operating system ends it with its process, whatever kills it.  `gc` takes a folder only
while it has it alone.  Leases are seen on one machine: between machines, and on file systems without locks, the grace of `gc`
protects alone.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if sys.platform != "win32":  # which refuses to rename a folder with an open file
    import fcntl

__all__ = ["Lease", "alone", "hold", "in_turn"]

MOST = 64  # leases that a process has at a time: each is an open file, and a system allows about 1,000


class Lease:
    """Holds a folder until it is forgotten, or `end` is called.  A copy in another process holds nothing."""

    held = 0

    def __init__(self, handle: int = -1) -> None:
        self.handle = handle
        Lease.held += handle >= 0

    def end(self) -> None:
        """Let go."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
            Lease.held -= 1

    def __del__(self) -> None:
        self.end()

    def __reduce__(self) -> tuple[Any, ...]:
        return Lease, ()


def hold(folder: Path) -> Lease:
    """A lease of the folder; an empty one when the process has `MOST`, or where there are no locks.

    Raises `FileNotFoundError` when the folder is not there (any more).
    """
    os.stat(folder)
    if sys.platform == "win32" or Lease.held >= MOST:
        return Lease()
    try:
        return _locked(folder, fcntl.LOCK_SH)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without locks, or a folder that this user may not open
        return Lease()


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody holds this folder or file; if so, nobody gets it until the end.  False when it is not there (any more)."""
    lease = Lease()
    try:
        mode = os.lstat(path).st_mode
        if sys.platform != "win32" and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            lease = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except (FileNotFoundError, BlockingIOError):
        free = False
    except OSError:  # as in `hold`
        free = True
    try:
        yield free
    finally:
        lease.end()


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """One process of this machine after the other; where there are no locks, all of them at once."""
    lease = Lease()
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            lease = _locked(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        lease.end()


def _locked(path: Path, how: int) -> Lease:
    """Raises `FileNotFoundError` when it was taken away while we waited, `BlockingIOError` when somebody else has it."""
    lease = Lease(os.open(path, os.O_RDONLY))
    if sys.platform != "win32":
        fcntl.flock(lease.handle, how)
    if not os.path.samestat(os.fstat(lease.handle), os.stat(path)):
        raise FileNotFoundError(path)
    return lease
