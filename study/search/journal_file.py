"""Optuna's journal as a file that is forced to the disk when it matters.

Optuna's own backend does so at every line, some twenty times a trial; on a network file system that is what a driver of many
workers waits for.  A power cut takes the end of a file, never its middle, so it is enough to force the file once a trial has
been asked for, and once it has been told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileSymlinkLock

__all__ = ["JournalFile", "settle"]


class JournalFile(BaseJournalBackend):
    """The same file, and the same lock beside it, as `JournalFileBackend`: optuna-dashboard can read and write it meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = JournalFileBackend(str(path))
        self.lock = JournalFileSymlinkLock(str(path))

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Lines from this number on, decoded."""
        return self.reader.read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """One line each, not yet forced to the disk: see `settle`."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self.lock.acquire()
        try:
            with self.path.open("ab") as file:
                file.write(lines.encode())
        finally:
            self.lock.release()


def settle(path: Path) -> None:
    """Force what was written to the disk: afterwards a power cut cannot take it.  A database does so by itself."""
    if not path.exists():
        return
    file = os.open(path, os.O_WRONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
