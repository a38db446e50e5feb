"""Going on after damage: what is damaged is moved aside, what can be had again is put back, and what is lost is written down.

    quarantine/20261125T225301/…    what was moved aside, under the path that it had; nothing is ever deleted

A record that stands in another's place is put back where it belongs, if the record after it or the head names its digest.  For
a lost log entry a *gap* is written, a sealed record that names the digest which the next entry expects, so that the chain
holds again; for a lost version a log entry that says so, so that its number is known to be gone.  Heads and store.json are
written anew.

A kill in between leaves a store that is less damaged: the next repair goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from registry.disk import (
    canonical_json,
    claim,
    digest_of,
    make_folder,
    numbers,
    replace_file,
    seal,
    signed,
    sync_folder,
    unseal,
    working_folder,
    write_file,
)
from registry.errors import DamagedError
from registry.heads import SERIES, check_place, head_of, heads, set_head
from registry.history import GAP, LOST, STANDS_FOR, Event, aliases_in, append, follows, read_log
from registry.maintenance import extras, feature_problems, version_problems

__all__ = ["repair_store"]

STORE, FORMAT = "store.json", 1


class Moved(NamedTuple):
    """A folder in quarantine whose record is whole: it may belong somewhere else."""

    path: Path
    series: str
    name: str
    number: int
    digest: str


def repair_store(root: Path) -> list[str]:
    """What was done, one line each; empty when there was nothing to do."""
    return _Repair(root).all()


class _Repair:
    """One run.  said: what it did."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.aside = root / "quarantine" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        self.said: list[str] = []

    def all(self) -> list[str]:
        self._store_file()
        models = self.root / "models"
        there = {path.name for path in models.iterdir() if path.is_dir()} if models.is_dir() else set()
        names = sorted(there | set(heads(self.root)))
        for name in names:
            self._head_aside(name)
            for series in SERIES:
                for number, why in self._damaged(name, series):
                    self._aside(self._place(name, series, number), why)
            self._extras_aside(name)
        for found in feature_problems(self.root):
            self._aside(self.root / found.name / str(found.version), f"{found.problem}; `registry pull` makes it again")
        moved = _in_quarantine(self.root)
        for name in names:
            self._bring_back(name, "log", moved)
            self._write_gaps(name)
            self._bring_back(name, "versions", moved, self._known_gone(name))
            self._write_losses(name)
            self._raise_head(name)
        if self.said and self.aside.exists():
            write_file(self.aside / "report.txt", ("\n".join(self.said) + "\n").encode())
        return self.said

    # ------------------------------------------------------------------ aside

    def _store_file(self) -> None:
        path = self.root / STORE
        try:
            json.loads(path.read_bytes())["format"]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            self._aside(path, f"{path} did not state the store's format")
        else:
            return
        replace_file(self.root / "staging", path, canonical_json({"format": FORMAT}))
        self.said.append(f"{STORE} is written anew")

    def _head_aside(self, name: str) -> None:
        try:
            head_of(self.root, name)
        except DamagedError as error:
            self._aside(self.root / "heads" / name, str(error))

    def _damaged(self, name: str, series: str) -> list[tuple[int, str]]:
        """What of a series has to go: damaged, or not what the record after it, or the head, was written after."""
        folder, found = self.root / "models" / name / series, {}
        for number in numbers(folder):
            problems = _problems(name, series, folder / str(number))
            if problems:
                found[number] = problems[0]
        for number in reversed(numbers(folder)):
            if number not in found and (told := self._contradicted(name, series, number, set(found))):
                found[number] = told
        return sorted(found.items())

    def _contradicted(self, name: str, series: str, number: int, bad: set[int]) -> str:
        here, after = (self._place(name, series, each) / SERIES[series] for each in (number, number + 1))
        stands_for = unseal(here).get(STANDS_FOR)
        if number + 1 not in bad and after.exists() and not follows(unseal(after), digest_of(here), stands_for):
            return f"{here.parent} is not the one after which {number + 1} was written"
        last, digest = getattr(head_of(self.root, name), series)
        if number == last and digest not in (digest_of(here), stands_for):
            return f"{here.parent} is not the one that was written under this number"
        return ""

    def _extras_aside(self, name: str) -> None:
        folder = self.root / "models" / name / "versions"
        for number in numbers(folder):
            for extra in extras(name, folder / str(number)):
                self._aside(folder / str(number) / extra, f"{name}@{number} had a file that was not published: {extra}")

    def _aside(self, path: Path, why: str) -> None:
        """Move it to the quarantine."""
        target = self.aside / path.relative_to(self.root)
        make_folder(target.parent)
        os.rename(path, target)
        sync_folder(path.parent)
        sync_folder(target.parent)
        self.said.append(f"{path.relative_to(self.root)} is in {target.relative_to(self.root)}: {why}")

    # ------------------------------------------------------------------ back

    def _bring_back(self, name: str, series: str, moved: list[Moved], gone: Collection[int] = ()) -> None:
        """Put records that stood elsewhere into their own places, newest first: each names the one before it."""
        for number in reversed(range(1, self._last(name, series) + 1)):
            place = self._place(name, series, number)
            if number in gone or place.exists() or (expected := self._expected(name, series, number)) is None:
                continue
            for each in moved:
                if each[1:] == (series, name, number, expected) and self._copied_back(each, place):
                    self.said.append(
                        f"{place.relative_to(self.root)} is back in its place, from {each.path.relative_to(self.root)}"
                    )
                    break

    def _copied_back(self, each: Moved, place: Path) -> bool:
        with working_folder(self.root / "staging") as staged:
            copy = Path(shutil.copytree(each.path, staged / place.name))
            if _problems(each.name, each.series, copy):
                return False
            for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
                sync_folder(folder)
            make_folder(place.parent)
            return claim(copy, place.parent, each.number)

    # ------------------------------------------------------------------ written down

    def _write_gaps(self, name: str) -> None:
        for number in range(1, self._last(name, "log") + 1):
            place, before = self._place(name, "log", number), self._place(name, "log", number - 1) / "record"
            if place.exists():
                continue
            chain = {"name": name, "number": number, "previous": digest_of(before) if number > 1 else None}
            facts = {"kind": GAP, "version": 0, STANDS_FOR: self._expected(name, "log", number)}
            with working_folder(self.root / "staging") as staged:
                write_file(staged / "record", seal(signed(facts | chain)))
                sync_folder(staged)
                make_folder(place.parent)
                claim(staged, place.parent, number)
            self.said.append(f"entry {number} of the log of {name} is lost: aliases and notes are what the others say")

    def _write_losses(self, name: str) -> None:
        known = {
            event.version for event in read_log(name, self.root / "models" / name / "log") if event.kind in ("retired", LOST)
        }
        for number in range(1, self._last(name, "versions") + 1):
            if number in known or self._place(name, "versions", number).exists():
                continue
            record = {"kind": LOST, "version": number, "record": self._expected(name, "versions", number)}
            append(name, self.root, partial(_always, record))
            self.said.append(f"{name}@{number} is lost{self._pointing(name, number)}")

    def _known_gone(self, name: str) -> set[int]:
        log = read_log(name, self.root / "models" / name / "log")
        return {event.version for event in log if event.kind in ("retired", LOST)}

    def _pointing(self, name: str, number: int) -> str:
        log = read_log(name, self.root / "models" / name / "log")
        aliases = [alias for alias, at in aliases_in(log).items() if at == number]
        return f"; {', '.join(aliases)} pointed to it: promote another" if aliases else ""

    def _raise_head(self, name: str) -> None:
        head = head_of(self.root, name)
        for series in SERIES:
            last = max(numbers(self.root / "models" / name / series), default=0)
            known, digest = getattr(head, series)
            if last and (last > known or (last == known and digest_of(self._record(name, series, last)) != digest)):
                set_head(self.root, name, series, last)
                self.said.append(f"the head of {name} is written anew: {series} up to {last}")

    # ------------------------------------------------------------------ looking

    def _place(self, name: str, series: str, number: int) -> Path:
        return self.root / "models" / name / series / str(number)

    def _record(self, name: str, series: str, number: int) -> Path:
        return self._place(name, series, number) / SERIES[series]

    def _last(self, name: str, series: str) -> int:
        """The highest number that is there, or that the head knows."""
        there = max(numbers(self.root / "models" / name / series), default=0)
        return max(there, int(getattr(head_of(self.root, name), series)[0]))

    def _expected(self, name: str, series: str, number: int) -> str | None:
        """The digest that the next record, or the head, knows of this one."""
        last, digest = getattr(head_of(self.root, name), series)
        if number == last:
            return str(digest)
        after = self._record(name, series, number + 1)
        return unseal(after).get("previous") if after.exists() else None


def _in_quarantine(root: Path) -> list[Moved]:
    """Of this repair and of earlier ones, which may have been killed."""
    found = []
    for path in sorted(root.glob("quarantine/*/models/*/*/*")):
        if (series := path.parent.name) in SERIES:
            with contextlib.suppress(DamagedError, KeyError, ValueError, TypeError):
                record = unseal(path / SERIES[series])
                found.append(Moved(path, series, str(record["name"]), int(record["number"]), digest_of(path / SERIES[series])))
    return found


def _always(record: dict[str, Any], log: list[Event]) -> dict[str, Any]:
    return record


def _problems(name: str, series: str, folder: Path) -> list[str]:
    if series == "versions":
        return version_problems(name, folder)
    try:
        record: dict[str, Any] = unseal(folder / SERIES[series])
        check_place(record, folder, name)
    except DamagedError as error:
        return [str(error)]
    return []
