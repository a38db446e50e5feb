"""Going on after damage: what is damaged is moved aside, what can be had again is put back, and what is lost is written down.

    quarantine/20261125T225301/…    what was moved aside, under the path that it had; nothing is ever deleted

A record that stands in another's place is put back where it belongs, if the record after it or the head names its digest.  For
a lost log entry a *gap* is written, a sealed record that names the digest which the next entry expects, so that the chain
holds again; for a lost version a log entry that says so, so that its number is known to be gone.  Heads and store.json are
written anew.

A kill in between leaves a store that is less damaged: the next repair goes on.  Readers, publishers and `gc` may be at work
beside it, on whatever is intact; of two repairs on one machine the second waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from registry.disk import (
    canonical_json,
    claim,
    digest_of,
    make_folder,
    numbers,
    read_plain,
    replace_file,
    seal,
    sha256,
    signed,
    sync_folder,
    unseal,
    working_folder,
    write_file,
)
from registry.errors import DamagedError, RegistryError
from registry.heads import SERIES, Head, check_place, head_of, heads, set_head
from registry.history import GAP, LOST, STANDS_FOR, Event, aliases_in, append, follows, gone_in, read_log
from registry.leases import in_turn
from registry.maintenance import extras, feature_problems, version_problems
from registry.manifest import Lineage, parse_manifest
from registry.version import MANIFEST, PUBLISHED, read_files, write_version

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
    with in_turn(root):
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
            self._damage_aside(name)
        for found in feature_problems(self.root):
            self._aside(self.root / found.name / str(found.version), f"{found.problem}; `registry pull` makes it again")
        moved = _in_quarantine(self.root)
        for name in names:
            self._put_back(name, moved)
        if self.said and self.aside.exists():
            write_file(self.aside / "report.txt", ("\n".join(self.said) + "\n").encode())
        return self.said

    def _damage_aside(self, name: str) -> None:
        self._mend_head(name)  # first: without it a publisher would take a number that is about to become free
        for series in SERIES:
            for number, why in self._damaged(name, series):
                self._aside(self._place(name, series, number), why)
        folder = self.root / "models" / name / "versions"
        for number in numbers(folder):
            for extra in extras(name, folder / str(number)):
                self._aside(folder / str(number) / extra, f"{name}@{number} had a file that was not published: {extra}")

    def _put_back(self, name: str, moved: list[Moved]) -> None:
        self._bring_back(name, "log", moved)
        self._write_gaps(name)
        self._bring_back(name, "versions", moved, gone_in(self._log(name)))
        self._write_losses(name)
        self._raise_head(name)

    # ------------------------------------------------------------------ aside

    def _store_file(self) -> None:
        path = self.root / STORE
        try:
            json.loads(read_plain(path))["format"]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            self._aside(path, f"{path} did not state the store's format")
        else:
            return
        replace_file(self.root / "staging", path, canonical_json({"format": FORMAT}))
        self.said.append(f"{STORE} is written anew")

    def _mend_head(self, name: str) -> None:
        """A damaged head is replaced by one that knows the numbers, in one step; its digests are not known."""
        path = self.root / "heads" / name
        try:
            head_of(self.root, name)
        except DamagedError as error:
            try:
                self._aside(path, str(error), keep=True)
            except OSError:  # no plain file, so it cannot be replaced in one step
                self._aside(path, str(error))
            set_head(self.root, name, Head(*((self._last_known(name, series), "") for series in SERIES)))

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
        here, after = (_read(self._record(name, series, each)) for each in (number, number + 1))
        if here is None:  # `gc` was faster
            return ""
        stands_for = here.record.get(STANDS_FOR)
        if number + 1 not in bad and after is not None and not follows(after.record, here.digest, stands_for):
            return f"{self._place(name, series, number)} is not the one after which {number + 1} was written"
        last, digest = getattr(head_of(self.root, name), series)
        if number == last and digest and digest not in (here.digest, stands_for):
            return f"{self._place(name, series, number)} is not the one that was written under this number"
        return ""

    def _aside(self, path: Path, why: str, keep: bool = False) -> None:
        """Move it to the quarantine, or put a copy there (`keep`)."""
        target = self.aside / path.relative_to(self.root)
        make_folder(target.parent)
        try:
            write_file(target, read_plain(path)) if keep else os.rename(path, target)
        except FileNotFoundError:  # `gc` was faster
            return
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
        """Only what was published, read before anything is written: the folder may hold pipes, links and endless files."""
        try:
            record = read_plain(each.path / SERIES[each.series])
            files = read_files(each.path)[1] if each.series == "versions" else {}
            manifest = read_plain(each.path / MANIFEST) if each.series == "versions" else None
        except (OSError, RegistryError):
            return False
        with working_folder(self.root / "staging") as staged:
            copy = staged / place.name
            copy.mkdir()
            if manifest is not None:
                write_version(copy, files, manifest)
            write_file(copy / SERIES[each.series], record)
            sync_folder(copy)
            make_folder(place.parent)
            return not _problems(each.name, each.series, copy) and claim(copy, place.parent, each.number)

    # ------------------------------------------------------------------ written down

    def _write_gaps(self, name: str) -> None:
        for number in range(1, self._last(name, "log") + 1):
            place = self._place(name, "log", number)
            if place.exists():
                continue
            before = digest_of(self._record(name, "log", number - 1)) if number > 1 else None
            chain = {"name": name, "number": number, "previous": before}
            facts = {"kind": GAP, "version": 0, STANDS_FOR: self._expected(name, "log", number)}
            with working_folder(self.root / "staging") as staged:
                write_file(staged / "record", seal(signed(facts | chain)))
                sync_folder(staged)
                make_folder(place.parent)
                claim(staged, place.parent, number)
            self.said.append(f"entry {number} of the log of {name} is lost: aliases and notes are what the others say")

    def _write_losses(self, name: str) -> None:
        gone = gone_in(self._log(name))
        for number in range(1, self._last(name, "versions") + 1):
            there = number in gone or self._place(name, "versions", number).exists()
            if not there and self._written_as_lost(name, number):
                self.said.append(f"{name}@{number} is lost{self._pointing(name, number)}{self._rest(name, number)}")

    def _written_as_lost(self, name: str, number: int) -> bool:
        """False where the log knows that it is gone: `gc` was faster."""

        def decide(log: list[Event]) -> dict[str, Any] | None:
            if number in gone_in(log):
                return None
            return {"kind": LOST, "version": number, "record": self._expected(name, "versions", number)}

        return append(name, self.root, decide)

    def _pointing(self, name: str, number: int) -> str:
        aliases = [alias for alias, at in aliases_in(self._log(name)).items() if at == number]
        return f"; {', '.join(aliases)} pointed to it: promote another" if aliases else ""

    def _rest(self, name: str, number: int) -> str:
        """Where the rest of a lost version is, and how to make it again, as far as that is known."""
        for folder in sorted(self.root.glob(f"quarantine/*/models/{name}/versions/{number}"), reverse=True):
            where = f"; what is left of it is in {folder.relative_to(self.root)}"
            with contextlib.suppress(RegistryError, OSError, KeyError):
                manifest = read_plain(folder / MANIFEST)
                if sha256(manifest) == unseal(folder / PUBLISHED)["manifest"]:
                    return where + _made_by(name, parse_manifest(manifest).lineage)
            return where
        return ""

    def _raise_head(self, name: str) -> None:
        """Where it is missing, or names what is not there any more; one that is merely behind is for publishers to raise."""
        with in_turn(self.root / "heads"):
            head = known = head_of(self.root, name)
            for series in SERIES:
                number, digest = getattr(head, series)
                last = max(numbers(self.root / "models" / name / series), default=0)
                there, newest = (_read(self._record(name, series, each)) for each in (number, last))
                missing = head == Head() and last > 2
                if newest is not None and (missing or (there is not None and there.digest != digest)):
                    known = replace(known, **{series: (last, newest.digest)})
                    self.said.append(f"the head of {name} is written anew: {series} up to {last}")
            if known != head:
                set_head(self.root, name, known)

    # ------------------------------------------------------------------ looking

    def _place(self, name: str, series: str, number: int) -> Path:
        return self.root / "models" / name / series / str(number)

    def _record(self, name: str, series: str, number: int) -> Path:
        return self._place(name, series, number) / SERIES[series]

    def _log(self, name: str) -> list[Event]:
        return read_log(name, self.root / "models" / name / "log")

    def _last(self, name: str, series: str) -> int:
        """The highest number that is there, or that the head knows."""
        there = max(numbers(self.root / "models" / name / series), default=0)
        return max(there, int(getattr(head_of(self.root, name), series)[0]))

    def _last_known(self, name: str, series: str) -> int:
        """Without the head: the highest number that is there, or that a log entry knows to be gone."""
        known = {0, *numbers(self.root / "models" / name / series)}
        for number in numbers(self.root / "models" / name / "log") if series == "versions" else []:
            entry = _read(self._record(name, "log", number))
            known |= {entry.record["version"]} if entry and isinstance(entry.record.get("version"), int) else set()
        return max(known)

    def _expected(self, name: str, series: str, number: int) -> str | None:
        """The digest that the next record, or the head, knows of this one."""
        last, digest = getattr(head_of(self.root, name), series)
        if number == last and digest:
            return str(digest)
        after = _read(self._record(name, series, number + 1))
        return None if after is None else after.record.get("previous")


class _Record(NamedTuple):
    digest: str
    record: dict[str, Any]


def _read(path: Path) -> _Record | None:
    """A whole record; None for any other, and for one that is not there (any more)."""
    try:
        return _Record(digest_of(path), unseal(path))
    except DamagedError:
        return None


def _made_by(name: str, lineage: Lineage) -> str:
    if lineage.study is None or not isinstance(lineage.trial, int):
        return ""
    command = f"python -m study.publish {shlex.quote(lineage.study)} --trial {lineage.trial} --name {name}"
    return f"; where its study still is, `{command}` makes it again"


def _in_quarantine(root: Path) -> list[Moved]:
    """Of this repair and of earlier ones, which may have been killed."""
    found = []
    for path in sorted(root.glob("quarantine/*/models/*/*/*")):
        if (series := path.parent.name) in SERIES:
            with contextlib.suppress(DamagedError, KeyError, ValueError, TypeError):
                record = unseal(path / SERIES[series])
                found.append(Moved(path, series, str(record["name"]), int(record["number"]), digest_of(path / SERIES[series])))
    return found


def _problems(name: str, series: str, folder: Path) -> list[str]:
    if series == "versions":
        return version_problems(name, folder)
    try:
        record: dict[str, Any] = unseal(folder / SERIES[series])
        check_place(record, folder, name)
    except DamagedError as error:
        return [str(error)]
    return []
