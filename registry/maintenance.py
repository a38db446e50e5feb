"""Checking a whole store, and taking away what nobody needs.

Both look at plain files only.  Garbage is what killed processes left in `staging/` and, when asked for, old versions without
an alias.  A version is taken away in the order event, rename, delete, so that a kill leaves it whole or gone, and "which
model was it" keeps its answer in the log.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.disk import digest_of, make_folder, numbers, sync_folder, unseal
from registry.errors import DamagedError, NotFoundError, RegistryError
from registry.heads import Head, head_of
from registry.history import Event, aliases_in, append, gone_in, read_log, retired_in
from registry.leases import Lease, alone
from registry.version import MANIFEST, PUBLISHED, Version, open_version

__all__ = ["Finding", "collect", "extras", "feature_problems", "verify_model", "verify_store", "version_problems"]

_TRASH = "trash-"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was published.  version: None for the model's log."""

    name: str
    version: int | None
    problem: str


def verify_store(root: Path, names: list[str]) -> list[Finding]:
    """All models that are there or have been, and the store's own file; empty when everything is intact."""
    findings = [finding for name in names for finding in verify_model(name, root)]
    if names and not (root / "store.json").is_file():
        findings.append(Finding("", None, f"{root / 'store.json'} is missing: this folder is not taken for a store any more"))
    return findings + feature_problems(root)


def feature_problems(root: Path) -> list[Finding]:
    """What is damaged of the networks of pretrained features.  version: their number."""
    if not (root / "features").is_dir():
        return []
    from registry.features import feature_folders, read_features  # here: most stores have none, and it imports much

    findings = []
    for folder in feature_folders(root):
        try:
            read_features(folder)
        except DamagedError as error:
            findings.append(Finding(f"features/{folder.parent.name}", int(folder.name), str(error)))
    return findings


def verify_model(name: str, root: Path, only: int | None = None) -> list[Finding]:
    """Every file of every version (or of one), every log entry and their order; empty when all are intact."""
    findings, folder = [], root / "models" / name
    if only is None:
        findings += _head_problems(name, root)
    there = numbers(folder / "versions")
    for number in there if only is None else [only]:
        version = folder / "versions" / str(number)
        findings += [Finding(name, number, problem) for problem in version_problems(name, version)]
        findings += [
            Finding(name, number, f"{name}@{number} has a file that was not published: {extra}")
            for extra in extras(name, version)
        ]
    if only is None:
        findings += _series_problems(name, folder, there)
    return findings


def collect(root: Path, names: list[str], *, grace: float, keep: int | None, dry_run: bool) -> list[str]:
    """Take garbage away that is older than `grace` seconds; returns what it was, one line each."""
    if grace < 0 or (keep is not None and keep < 1):
        raise RegistryError(f"grace >= 0 and keep >= 1 must hold, but got grace={grace:g}, keep={keep}")
    removed = []
    for name in names if keep is not None else []:
        assert keep is not None
        try:
            removed += _retire_old(name, root, keep, grace, dry_run)
        except DamagedError as error:  # without its log nobody knows which versions have an alias
            removed.append(f"nothing of {name}: {error}")
    removed += _old_features(root, keep, grace, dry_run)
    for path in _left_overs(root, grace):
        with alone(path) as free:
            if not free:  # its process lives, or another `gc` is at it
                continue
            removed.append(f"left over from a killed process: {path.relative_to(root)}")
            if not dry_run:
                _discard(path, root / "staging")
    return removed


def version_problems(name: str, folder: Path) -> list[str]:
    """What of the files that were published has changed or gone."""
    problems = []
    try:
        version = open_version(name, folder)
        files = version.manifest.files
    except NotFoundError:  # taken away since it was listed; `_series_problems` says so unless it was retired
        return []
    except RegistryError as error:
        return [str(error)]
    for file, record in files.items():
        try:
            version.check(file, record.sha256)
        except DamagedError as error:
            problems.append(str(error))
    return problems


def extras(name: str, folder: Path) -> list[str]:
    """Files in a version's folder that were not published; none where it cannot be read."""
    try:
        version = open_version(name, folder)  # held until the folder has been looked through
        expected = {MANIFEST, PUBLISHED, *version.manifest.files}
    except RegistryError:
        return []
    there = set()
    for place, folders, files in os.walk(folder):
        there |= {Path(place, each) for each in files} | {Path(place, each) for each in folders if Path(place, each).is_symlink()}
    return sorted({path.relative_to(folder).as_posix() for path in there} - expected)


def _gone(name: str, folder: Path) -> dict[int, str | None]:
    """`gone_in` of the log that is there now.  Raises `DamagedError`."""
    return gone_in(read_log(name, folder / "log"))


def _series_problems(name: str, folder: Path, versions: list[int]) -> list[Finding]:
    """Log entries that have changed or changed places; versions that are missing without a reason, or follow another one."""
    problems: list[Finding] = []
    retired: dict[int, str | None] = {}
    try:
        retired = _gone(name, folder)
    except DamagedError as error:
        problems.append(Finding(name, None, str(error)))
    last = max(versions, default=0)
    lost = [number for number in range(1, last + 1) if number not in versions and number not in retired]
    problems += [Finding(name, number, f"{name}@{number} is missing") for number in lost]
    for number in versions:
        said = _previous(folder / "versions" / str(number))
        known = _digest(folder / "versions" / str(number - 1) / PUBLISHED) or retired.get(number - 1)
        if said is not None and known is not None and said != known:
            problems.append(Finding(name, number, f"{name}@{number} was published after another {name}@{number - 1}"))
    return problems


def _previous(folder: Path) -> str | None:
    try:
        found: str | None = unseal(folder / PUBLISHED).get("previous")
        return found
    except DamagedError:  # said by `_version_problems`
        return None


def _head_problems(name: str, root: Path) -> list[Finding]:
    """What the head knows of and is not there, or is there as something else.  The head is read first: the series grow."""
    try:
        head = head_of(root, name)
    except DamagedError as error:
        return [Finding(name, None, str(error))]
    problems, folder = [], root / "models" / name
    if not folder.is_dir():
        return [Finding(name, None, f"{name} is missing with all its versions, of which it has had {head.versions[0]}")]
    versions, (last, digest) = numbers(folder / "versions"), head.versions
    if head == Head() and len(versions) > 2 and all(_previous(folder / "versions" / str(each)) for each in versions[-2:]):
        problems.append(Finding(name, None, f"heads/{name} is missing: what is lost at the end of {name} would not be noticed"))
    known = set(versions)
    with contextlib.suppress(DamagedError):  # said by `_series_problems`
        known |= set(_gone(name, folder))
    lost = [number for number in range(max(versions, default=0) + 1, last + 1) if number not in known]
    problems += [Finding(name, number, f"{name}@{number} is missing") for number in lost]
    if digest and last in versions and _digest(folder / "versions" / str(last) / PUBLISHED) not in (digest, None):
        problems.append(Finding(name, last, f"{name}@{last} is not the version that was published under this number"))
    entries, (last, digest) = max(numbers(folder / "log"), default=0), head.log
    if entries < last:
        problems.append(Finding(name, None, f"the log of {name} ends with entry {entries}, but it has had {last}"))
    elif digest and _digest(folder / "log" / str(last) / "record") not in (digest, None):
        problems.append(Finding(name, None, f"entry {last} of the log of {name} is not the one that was written"))
    return problems


def _digest(path: Path) -> str | None:
    """A record's digest; None where it is damaged or missing, which is said elsewhere."""
    try:
        unseal(path)
        return digest_of(path)
    except DamagedError:
        return None


def _retire_old(name: str, root: Path, keep: int, grace: float, dry_run: bool) -> list[str]:
    """Take away all but the `keep` newest versions, the aliased ones and those younger than `grace`.

    The newest version always stays: the next number is the highest plus one, and a number is never used twice.
    """
    folder = root / "models" / name
    removed = []
    for number in numbers(folder / "versions")[:-keep]:
        with alone(folder / "versions" / str(number)) as free:
            if not free:  # somebody reads it, or another `gc` is at it: the next one may take it
                continue
            try:
                version = open_version(name, folder / "versions" / str(number), Lease())
            except DamagedError:  # for `registry.repair`
                continue
            kept = {*aliases_in(read_log(name, folder / "log")).values(), *_about_to_be_claimed(name, root / "staging")}
            if _age(version) < grace or number in kept:
                continue
            if dry_run or _retire(version, folder, root / "staging"):
                removed.append(f"version without an alias: {version} ({version.digest})")
    return removed


def _old_features(root: Path, keep: int | None, grace: float, dry_run: bool) -> list[str]:
    """Take away all but the `keep` newest networks of each name: only the newest is ever loaded."""
    removed = []
    for series in sorted((root / "features").glob("*")) if keep is not None else []:
        for number in numbers(series)[: -(keep or 1)]:
            with alone(series / str(number)) as free:
                if not free or time.time() - _last_change(series / str(number)) < grace:
                    continue
                removed.append(f"older network of features: {series.name}, number {number}")
                if not dry_run:
                    _discard(series / str(number), root / "staging")
    return removed


def _about_to_be_claimed(name: str, staging: Path) -> set[int]:
    """The numbers that publishers have written down for this model: to take such a version away would give its number twice."""
    found = set()
    for entry in os.listdir(staging) if staging.is_dir() else []:
        with contextlib.suppress(DamagedError):  # not yet written, or published since
            record = unseal(staging / entry / PUBLISHED)
            if record.get("name") == name and not entry.startswith(_TRASH):
                found.add(int(record["number"]))
    return found


def _retire(version: Version, folder: Path, staging: Path) -> bool:
    """False when it got an alias in the meantime.  The caller has it alone: whoever wants it waits, and finds it gone."""

    def decide(log: list[Event]) -> dict[str, Any] | None:
        if version.number in retired_in(log) or version.number in aliases_in(log).values():
            return None
        return {
            "kind": "retired",
            "version": version.number,
            "digest": version.digest,
            "published": version.published,
            "record": digest_of(version.folder / PUBLISHED),
        }

    append(version.name, staging.parent, decide)
    if version.number not in retired_in(read_log(version.name, folder / "log")):
        return False
    _discard(version.folder, staging)
    return True


def _discard(path: Path, staging: Path) -> None:
    """Out of sight in one step, then deleted; a kill in between leaves trash that the next `gc` finds."""
    trash = path
    if not path.name.startswith(_TRASH):
        make_folder(staging)
        trash = staging / f"{_TRASH}{uuid.uuid4().hex}"
        os.rename(path, trash)
        sync_folder(path.parent)
    if trash.is_dir() and not trash.is_symlink():
        shutil.rmtree(trash)
    else:
        trash.unlink()


def _left_overs(root: Path, grace: float) -> list[Path]:
    """What lies in staging and is older than `grace`, trash at any age, and temporary files of store.json."""
    staging = root / "staging"
    entries = [staging / entry for entry in sorted(os.listdir(staging))] if staging.is_dir() else []
    entries += sorted([*root.glob(".store.json.*"), *root.glob("heads/.*")])
    return [path for path in entries if path.name.startswith(_TRASH) or time.time() - _last_change(path) >= grace]


def _last_change(path: Path) -> float:
    """Seconds since the epoch; now, if it vanishes while we look (its owner has just finished)."""
    try:
        return max(each.lstat().st_mtime for each in [path, *path.rglob("*")])
    except FileNotFoundError:
        return time.time()


def _age(version: Version) -> float:
    return time.time() - datetime.fromisoformat(version.published).timestamp()
