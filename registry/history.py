"""What happens to a model after it is published: an append-only log, and the state that it adds up to.

Each entry is a folder `log/NUMBER/record`, claimed like a version: whoever appends has seen all entries before its own, so
"move the alias if it still points to 3" needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.disk import claim, make_folder, numbers, seal, signed, sync_folder, unseal, working_folder, write_file

__all__ = ["Event", "aliases_in", "append", "notes_in", "read_log", "retired_in"]


@dataclass(frozen=True)
class Event:
    """Something that happened to a model.  kind: published, alias, noted or retired; time: UTC, ISO 8601."""

    name: str
    kind: str
    time: str
    by: str
    version: int
    details: dict[str, Any]


def read_log(name: str, folder: Path) -> list[Event]:
    """All entries in order.  Raises `DamagedError` for one that has changed."""
    log = []
    for number in numbers(folder):
        record = unseal(folder / str(number) / "record")
        kind, time, by, version = (record.pop(key) for key in ("kind", "time", "by", "version"))
        log.append(Event(name, kind, time, by, version, record))
    return log


def append(name: str, folder: Path, staging: Path, decide: Callable[[list[Event]], dict[str, Any] | None]) -> None:
    """Append what `decide` makes of the log so far (None: nothing).  If somebody else was first, it is asked again."""
    while (record := decide(log := read_log(name, folder))) is not None:
        with working_folder(staging) as staged:
            write_file(staged / "record", seal(signed(record)))
            sync_folder(staged)
            make_folder(folder)
            if claim(staged, folder, len(log) + 1):
                return


def aliases_in(log: list[Event]) -> dict[str, int]:
    """Alias → version number, sorted by alias."""
    points = {event.details["alias"]: event.details["to"] for event in log if event.kind == "alias"}
    return {alias: number for alias, number in sorted(points.items()) if number is not None}


def retired_in(log: list[Event]) -> set[int]:
    """Numbers of the versions that `gc` has taken away."""
    return {event.version for event in log if event.kind == "retired"}


def notes_in(log: list[Event], version: int, tags: dict[str, str], description: str) -> tuple[dict[str, str], str]:
    """The version's tags and description: as published (given here), with all later edits."""
    edited: dict[str, str | None] = dict(tags)
    for event in log:
        if event.kind == "noted" and event.version == version:
            edited |= event.details["tags"]
            description = description if event.details["description"] is None else event.details["description"]
    return {key: value for key, value in edited.items() if value is not None}, description
