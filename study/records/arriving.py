"""A mirrored study and its copy on this machine: the copy follows the store, unless it is ahead of it.

Which of the two is ahead is what their journals say, which only grow: where one begins with all of the other, it is the later.
A driver's machine may have told more than it had stored when it died; where another machine has gone on meanwhile, from what was
stored, that one is right, and the lost end is kept aside.
"""

from __future__ import annotations

from pathlib import Path

from models.files import write_atomically
from study.records.mirror import Mirror

__all__ = ["JOURNAL", "bring", "send"]

JOURNAL = "optuna.journal"
FOR_WORKERS = ("checkpoints", "trunks")  # they come and go by the trial
FOR_DRIVERS = ("owner.lock", "owner.txt", "owner.json", f"{JOURNAL}.lock")
BY_WORKERS = ("models", "histories", "logs", "live")  # who store them: where the two differ, the store is right
GROWING = ("tune",)  # as long as there: the same


def bring(mirror: Mirror) -> str | None:
    """Fetch what the copy here lacks; returns one line where something here had to give way.  Raises `AwayError`."""
    if mirror.url is None:
        return None
    behind, note = _bring_journal(mirror, mirror.local / JOURNAL)

    def wanted(path: Path, size: int) -> bool:
        first = path.relative_to(mirror.local).parts[0]
        if first in (*FOR_WORKERS, *FOR_DRIVERS, JOURNAL):
            return False
        return not path.is_file() or (path.stat().st_size != size if first in BY_WORKERS else behind)

    mirror.pull_all([path for path, size in mirror.there().items() if wanted(path, size)])
    return note


def send(mirror: Mirror) -> None:
    """Store all files that the store lacks, or that may have changed: those of the whole study first, for a scheduler that sends
    a signal waits for some seconds only.  Raises `AwayError`."""
    if mirror.url is None:
        return
    there = mirror.there()

    def wanted(path: Path) -> bool:
        first = path.relative_to(mirror.local).parts[0]
        if path.name.startswith(".") or first in (*FOR_WORKERS, *FOR_DRIVERS) or not path.is_file():
            return False
        return path not in there or not (first in BY_WORKERS or (first in GROWING and there[path] == path.stat().st_size))

    paths = [path for path in sorted(mirror.local.rglob("*")) if wanted(path)]
    first = [path for path in paths if path.parent == mirror.local]
    mirror.push(*first)
    mirror.push_all(path for path in paths if path not in set(first))


def _bring_journal(mirror: Mirror, journal: Path) -> tuple[bool, str | None]:
    """Whether this copy was behind, and what gave way.  A torn last line is no part of a journal."""
    stored = mirror.content(journal)
    if stored is None:
        return not journal.is_file(), None
    here = journal.read_bytes() if journal.is_file() else b""
    whole = here[: here.rfind(b"\n") + 1]
    known = stored[: stored.rfind(b"\n") + 1]
    if journal.is_file() and whole.startswith(known):
        return False, None
    note = None
    if not known.startswith(whole):
        aside = journal.with_name(f"{JOURNAL}.aside")
        write_atomically(aside, here)
        note = f"another machine has gone on with this study: the journal here was behind it, and is now {aside.name}"
    write_atomically(journal, stored)
    return True, note
