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
NEVER_CHANGE = ("models", "histories")  # named by digests


def bring(mirror: Mirror) -> str | None:
    """Fetch what the copy here lacks; returns one line where something here had to give way.  Raises `AwayError`."""
    if mirror.url is None:
        return None
    behind, note = _bring_journal(mirror, mirror.local / JOURNAL)
    for path in mirror.there():
        first = path.relative_to(mirror.local).parts[0]
        if first in (*FOR_WORKERS, *FOR_DRIVERS, JOURNAL):
            continue
        if not path.is_file() or (behind and first not in NEVER_CHANGE):
            mirror.pull(path)
    return note


def send(mirror: Mirror) -> None:
    """Store all files that the store lacks, or that may have changed.  Raises `AwayError`."""
    if mirror.url is None:
        return
    there = mirror.there()
    for path in sorted(mirror.local.rglob("*")):
        name = path.relative_to(mirror.local)
        if not path.is_file() or path.name.startswith(".") or name.parts[0] in (*FOR_WORKERS, *FOR_DRIVERS):
            continue
        if name.parts[0] not in NEVER_CHANGE or there.get(path) != path.stat().st_size:
            mirror.push(path)


def _bring_journal(mirror: Mirror, journal: Path) -> tuple[bool, str | None]:
    """Whether this copy was behind, and what gave way.  A torn last line is no part of a journal."""
    stored = mirror.content(journal)
    if stored is None:
        return not journal.is_file(), None
    here = journal.read_bytes() if journal.is_file() else b""
    whole = here[: here.rfind(b"\n") + 1]
    if journal.is_file() and whole.startswith(stored):
        return False, None
    note = None
    if not stored.startswith(whole):
        aside = journal.with_name(f"{JOURNAL}.aside")
        write_atomically(aside, here)
        note = f"another machine has gone on with this study: the journal here was behind it, and is now {aside.name}"
    write_atomically(journal, stored)
    return True, note
