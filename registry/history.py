"""What happens to a model after it is published: an append-only log, and the state that it adds up to.

Each entry is a folder `log/NUMBER/record`, claimed like a version: whoever appends has seen all entries before its own, so
"move the alias if it still points to 3" needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.disk import claim, digest_of, make_folder, numbers, seal, signed, sync_folder, unseal, working_folder, write_file
from registry.errors import DamagedError
from registry.heads import CHAIN, check_place, head_of, link, raise_head

__all__ = [
    "GAP",
    "LOST",
    "STANDS_FOR",
    "Event",
    "aliases_in",
    "append",
    "follows",
    "gone_in",
    "notes_in",
    "read_log",
    "retired_in",
]

GAP, LOST = "gap", "lost"  # what `registry.repair` writes: in place of a lost entry, and of a lost version
STANDS_FOR = "stands_for"  # in a gap: digest of the record that was there, if the next one or the head knows it


@dataclass(frozen=True)
class Event:
    """Something that happened to a model.  kind: published, alias, noted, retired, lost or gap; time: UTC, ISO 8601."""

    name: str
    kind: str
    time: str
    by: str
    version: int
    details: dict[str, Any]


def read_log(name: str, folder: Path) -> list[Event]:
    """All entries in order.  Raises `DamagedError` for one that has changed."""
    log, found = [], numbers(folder)
    before: tuple[str | None, str | None] = (None, None)
    for number in range(1, max(found, default=0) + 1):
        place = folder / str(number)
        if number not in found:
            raise DamagedError(f"{place} is damaged: the log of {name} has lost this entry")
        record = _unsealed(place / "record")
        check_place(record, place, name)
        if not follows(record, *before):
            raise DamagedError(f"{place} is damaged: it was written after another entry {number - 1}")
        before = digest_of(place / "record"), record.get(STANDS_FOR)
        record = {key: value for key, value in record.items() if key not in CHAIN}
        kind, time, by, version = (record.pop(key) for key in ("kind", "time", "by", "version"))
        log.append(Event(name, kind, time, by, version, record))
    return log


def follows(record: dict[str, Any], digest: str | None, stands_for: str | None) -> bool:
    """Whether this record was written after the one with this digest, or after the lost one that it stands for."""
    return (
        "previous" not in record or record["previous"] == digest or (stands_for is not None and record["previous"] == stands_for)
    )


def _unsealed(path: Path) -> dict[str, Any]:
    record = unseal(path, {"kind": str, "time": str, "by": str, "version": int})
    if record["kind"] == "alias":
        return unseal(path, {"alias": str, "from": int | None, "to": int | None})
    if record["kind"] == "noted":
        unseal(path, {"tags": dict, "description": str | None})
        if not all(isinstance(value, str | None) for value in record["tags"].values()):
            raise DamagedError(f"{path} is damaged: its tags are not text")
    return record


def append(name: str, root: Path, decide: Callable[[list[Event]], dict[str, Any] | None]) -> bool:
    """Append what `decide` makes of the log so far; False where that is None.  If somebody else was first, it is asked again."""
    folder = root / "models" / name / "log"
    while True:
        head = head_of(root, name)
        log = read_log(name, folder)
        record = decide(log)
        if record is None:
            return False
        place = link(root, name, "log", head, len(log))
        with working_folder(root / "staging") as staged:
            write_file(staged / "record", seal(signed(record | place)))
            sync_folder(staged)
            make_folder(folder)
            if claim(staged, folder, place["number"]):
                raise_head(root, name, "log", place["number"])
                return True


def aliases_in(log: list[Event]) -> dict[str, int]:
    """Alias → version number, sorted by alias."""
    points = {event.details["alias"]: event.details["to"] for event in log if event.kind == "alias"}
    return {alias: number for alias, number in sorted(points.items()) if number is not None}


def retired_in(log: list[Event]) -> set[int]:
    """Numbers of the versions that `gc` has taken away."""
    return {event.version for event in log if event.kind == "retired"}


def gone_in(log: list[Event]) -> dict[int, str | None]:
    """Numbers of the versions that are not there for a reason that the log knows, and their records' digests."""
    return {event.version: event.details.get("record") for event in log if event.kind in ("retired", LOST)}


def notes_in(log: list[Event], version: int, tags: dict[str, str], description: str) -> tuple[dict[str, str], str]:
    """The version's tags and description: as published (given here), with all later edits."""
    edited: dict[str, str | None] = dict(tags)
    for event in log:
        if event.kind == "noted" and event.version == version:
            edited |= event.details["tags"]
            description = description if event.details["description"] is None else event.details["description"]
    return {key: value for key, value in edited.items() if value is not None}, description
