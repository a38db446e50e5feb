"""How far each model's two series have come, in a second place: what was lost at their end is missed.

    heads/NAME    sealed record: number and record digest of the newest version and of the newest log entry

Written after each claim, so a kill in between leaves it behind by one, never ahead: a head is a lower bound.  Together with the
chain (every record names its model, its number and its predecessor's digest) it finds what was lost, exchanged, rolled back or
doubled.  The next record takes its predecessor's digest from the head, so that whoever rewrites the newest one is found for ever.
Records of earlier programs have no chain; theirs begins with the next record.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.disk import digest_of, make_folder, replace_file, seal, unseal
from registry.errors import DamagedError
from registry.leases import in_turn

__all__ = ["CHAIN", "SERIES", "Head", "check_place", "head_of", "heads", "link", "raise_head", "set_head"]

CHAIN = ("name", "number", "previous")
"""What a record says of its place: the model, the number, and the digest of the record before it (None for the first)."""

SERIES = {"versions": "published", "log": "record"}


@dataclass(frozen=True)
class Head:
    """The newest known number of each series (0: none yet) and its record's digest; "" where that is not known."""

    versions: tuple[int, str] = (0, "")
    log: tuple[int, str] = (0, "")


def head_of(root: Path, name: str) -> Head:
    """Raises `DamagedError` when it has changed; a model of an earlier program has none yet."""
    path = root / "heads" / name
    if not path.exists():
        return Head()
    record = unseal(path, dict.fromkeys(SERIES, list))
    if [[type(value) for value in record[series]] for series in SERIES] != [[int, str]] * 2:
        raise DamagedError(f"{path} is damaged: it does not say how far its model has come")
    return Head(*((number, digest) for number, digest in (record[series] for series in SERIES)))


def heads(root: Path) -> list[str]:
    """Names of all models that ever had a head."""
    return sorted(name for name in os.listdir(root / "heads") if not name.startswith(".")) if (root / "heads").is_dir() else []


def raise_head(root: Path, name: str, series: str, number: int) -> None:
    """Note that `series` has come to this number, unless it is known to be further.

    The record is published already: where the note cannot be written, the head stays behind, and the next one catches up.
    """
    with contextlib.suppress(OSError):
        make_folder(root / "heads")
        with in_turn(root / "heads"):  # else who has read it first and writes it last takes it back
            head = head_of(root, name)
            if getattr(head, series)[0] < number:
                digest = digest_of(root / "models" / name / series / str(number) / SERIES[series])
                set_head(root, name, replace(head, **{series: (number, digest)}))


def set_head(root: Path, name: str, head: Head) -> None:
    """Write it anew, whatever was there."""
    replace_file(root / "staging", root / "heads" / name, seal({each: list(getattr(head, each)) for each in SERIES}))


def link(root: Path, name: str, series: str, head: Head, last: int) -> dict[str, Any]:
    """The place of the next record of a series, for the record: see `CHAIN`.  No number is given twice, even if it was lost.

    last: number of the newest record that was seen; head: read before that, else somebody may have come in between.
    """
    number, previous = max(getattr(head, series), (last, ""))
    if not previous:
        with contextlib.suppress(DamagedError):  # retired since we looked: then a newer one is there, and this place is taken
            previous = digest_of(root / "models" / name / series / str(number) / SERIES[series])
    return {"name": name, "number": number + 1, "previous": previous or None}


def check_place(record: dict[str, Any], folder: Path, name: str) -> None:
    """Raises `DamagedError` for a record that was written for another place, or a folder that only points to one."""
    if folder.is_symlink():
        raise DamagedError(f"{folder} is damaged: it is a link to another folder")
    said = record.get("name", name), record.get("number", int(folder.name))
    if said != (name, int(folder.name)):
        raise DamagedError(f"{folder} is damaged: it holds the record of {said[0]}, number {said[1]}")
