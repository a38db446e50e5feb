"""The model store: a folder of plain files, without a server, that survives `kill -9` and power cuts at any instant.

    store.json                          {"format": 1}
    models/NAME/versions/7/             one version, never changed: manifest.json, encoder.onnx, decoder.onnx, card.md …
                           published    sealed record: the manifest's digest, when, by whom
    models/NAME/log/12/record           sealed record of what happened after publishing: alias moved, tags edited, retired
    staging/…                           what is being written; `gc` removes what killed processes left

Both series, versions and log, grow by the same step (`registry.disk.claim`): write everything into staging, wait until it
is on the disk, then rename the folder to the next free number, which fails if somebody else took it.  So a version or an
event exists completely or not at all, numbers have no gaps, and no lock is needed, also between machines.  Aliases, tags and
descriptions are never stored: they are what the log adds up to.
"""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.disk import (
    canonical_json,
    claim,
    make_folder,
    numbers,
    seal,
    sha256,
    sync_folder,
    unseal,
    working_folder,
    write_file,
    writing,
)
from registry.errors import ConflictError, DamagedError, NotFoundError, RegistryError
from registry.manifest import Manifest, parse_manifest
from registry.names import Reference, check_alias, check_file_name, check_name, parse_reference

__all__ = ["ANY", "Event", "Store", "Version"]

FORMAT = 1
MANIFEST, PUBLISHED = "manifest.json", "published"
MAX_FILE_BYTES = 2**31  # what a protocol buffer, and so an ONNX file, can hold


class _Any:
    """The default of `expect`: wherever the alias points now."""


ANY = _Any()


@dataclass(frozen=True)
class Version:
    """One published version.  digest: sha256 of its manifest, the model's identity in every store."""

    name: str
    number: int
    digest: str
    published: str
    by: str
    folder: Path = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @cached_property
    def manifest(self) -> Manifest:
        """Read and checked against the digest.  Raises `DamagedError`."""
        return parse_manifest(self._checked(MANIFEST, self.digest))

    def read(self, only: tuple[str, ...] | None = None) -> dict[str, bytes]:
        """The files' bytes, every one checked against the manifest.  Raises `DamagedError`."""
        wanted = self.manifest.files if only is None else {name: self.manifest.files[name] for name in only}
        return {name: self._checked(name, record.sha256) for name, record in wanted.items()}

    def _checked(self, name: str, digest: str) -> bytes:
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DamagedError(f"{self} is damaged: {name}: {error.strerror or error}") from None
        if sha256(data) != digest:
            raise DamagedError(f"{self} is damaged: {name} is not the file that was published ({path})")
        return data


@dataclass(frozen=True)
class Event:
    """Something that happened to a model.  kind: published, alias, noted or retired; time: UTC, ISO 8601."""

    name: str
    kind: str
    time: str
    by: str
    version: int
    details: dict[str, Any]


@dataclass(frozen=True)
class _Notes:
    tags: dict[str, str]
    description: str


class Store:
    """The store in the folder `root`.  Nothing is read or written before a method is called."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().absolute()

    # ------------------------------------------------------------------ what there is

    def names(self) -> list[str]:
        """Names of all models, sorted."""
        self._check_format()
        try:
            found = os.listdir(self.root / "models")
        except FileNotFoundError:
            return []
        return sorted(name for name in found if numbers(self._versions(name)))

    def versions(self, name: str) -> list[Version]:
        """All versions of a model, oldest first.  Raises `NotFoundError`, `DamagedError`."""
        self._check_model(name)
        return [self._version(name, number) for number in numbers(self._versions(name))]

    def resolve(self, reference: str, version: int | None = None) -> Version:
        """The one version that is meant: see `registry.names`.  Raises `NotFoundError`, `DamagedError`."""
        parsed = parse_reference(reference, version)
        if parsed.digest is not None:
            return self._by_digest(parsed.digest)
        assert parsed.name is not None
        self._check_model(parsed.name)
        return self._version(parsed.name, self._number(parsed))

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version number, sorted by alias."""
        self._check_model(name)
        return dict(sorted(_aliases(self._log(name)).items()))

    def tags(self, version: Version) -> dict[str, str]:
        """The manifest's tags with all later edits."""
        return self._notes(version).tags

    def description(self, version: Version) -> str:
        """The manifest's description, or its latest edit."""
        return self._notes(version).description

    def events(self, name: str | None = None) -> list[Event]:
        """Everything that happened to a model, or to all of them, oldest first."""
        happened = []
        for each in [name] if name is not None else self.names():
            for version in self.versions(each):
                details = {"digest": version.digest}
                happened.append(Event(each, "published", version.published, version.by, version.number, details))  # noqa: PERF401
            happened += self._log(each)
        return sorted(happened, key=lambda event: event.time)

    # ------------------------------------------------------------------ what changes it

    def publish(
        self, name: str, files: Mapping[str, bytes], manifest: Manifest, *, gate: Callable[[Path], None] | None = None
    ) -> Version:
        """The next version of `name`, made of `files` and the manifest, whose list of files is filled in here.

        `gate` sees the folder exactly as it will be published, and refuses by raising.  Raises `RegistryError` of a kind;
        whenever it raises, nothing was published.
        """
        return self.commit(name, files, manifest.with_files(dict(files)).to_bytes(), gate=gate)

    def commit(
        self, name: str, files: Mapping[str, bytes], manifest: bytes, *, gate: Callable[[Path], None] | None = None
    ) -> Version:
        """`publish` with the manifest's exact bytes, as an import needs it to keep the digest."""
        check_name(name)
        _check_files(files, parse_manifest(manifest))
        with writing(self.root):
            self._create()
            with working_folder(self.root / "staging") as staged:
                _write_version(staged, files, manifest)
                if gate is not None:
                    gate(staged)
                series = self._versions(name)
                make_folder(series)
                number = _next_number(staged, series)
        return self._version(name, number)

    def set_alias(self, name: str, version: int | None, alias: str, *, expect: int | _Any | None = ANY) -> None:
        """Point `alias` to a version, or take it away (`version=None`).

        expect: the version number it must point to now (None: nowhere); otherwise `ConflictError`, and nothing is changed.
        """
        check_alias(alias)
        self._check_model(name)

        def decide(log: list[Event]) -> dict[str, Any] | None:
            now = _aliases(log).get(alias)
            if not isinstance(expect, _Any) and now != expect:
                raise ConflictError(f"alias {alias} of {name} must point to {_at(expect)}, but it points to {_at(now)}")
            if now == version:
                return None
            if version is not None:
                self._check_exists(name, version)
            return {"kind": "alias", "version": version or now, "alias": alias, "from": now, "to": version}

        self._append(name, decide)

    def annotate(
        self, version: Version, *, tags: Mapping[str, str | None] | None = None, description: str | None = None
    ) -> None:
        """Set some tags (None takes one away) and/or the description.  The version itself stays as it was."""

        def decide(log: list[Event]) -> dict[str, Any] | None:
            self._check_exists(version.name, version.number)
            return {"kind": "noted", "version": version.number, "tags": dict(tags or {}), "description": description}

        self._append(version.name, decide)

    # ------------------------------------------------------------------ inside

    def _versions(self, name: str) -> Path:
        return self.root / "models" / name / "versions"

    def _version(self, name: str, number: int) -> Version:
        folder = self._versions(name) / str(number)
        record = unseal(folder / PUBLISHED)
        return Version(name, number, record["manifest"], record["time"], record["by"], folder)

    def _number(self, reference: Reference) -> int:
        name = reference.name
        assert name is not None
        if reference.alias is not None:
            aliases = self.aliases(name)
            if reference.alias not in aliases:
                known = ", ".join(aliases) or "none"
                raise NotFoundError(f"{name} has no alias {reference.alias!r}; it has: {known}")
            return aliases[reference.alias]
        if reference.version is not None:
            self._check_exists(name, reference.version)
            return reference.version
        return numbers(self._versions(name))[-1]

    def _by_digest(self, digest: str) -> Version:
        found = [version for name in self.names() for version in self.versions(name) if version.digest.startswith(digest)]
        if len({version.digest for version in found}) > 1:
            raise RegistryError(f"{digest} must mean one model, but {len(found)} versions begin with it")
        if not found:
            raise NotFoundError(f"no model in {self.root} has the manifest digest {digest}")
        return found[0]

    def _log(self, name: str) -> list[Event]:
        """What happened after publishing, in order."""
        folder = self.root / "models" / name / "log"
        log = []
        for number in numbers(folder):
            record = unseal(folder / str(number) / "record")
            kind, time, by, version = (record.pop(key) for key in ("kind", "time", "by", "version"))
            log.append(Event(name, kind, time, by, version, record))
        return log

    def _append(self, name: str, decide: Callable[[list[Event]], dict[str, Any] | None]) -> None:
        """Add to the log what `decide` makes of the log so far; if somebody else was first, ask it again."""
        folder = self.root / "models" / name / "log"
        while (record := decide(log := self._log(name))) is not None:
            with writing(self.root), working_folder(self.root / "staging") as staged:
                write_file(staged / "record", seal(record | _signed()))
                sync_folder(staged)
                make_folder(folder)
                if claim(staged, folder, len(log) + 1):
                    return

    def _notes(self, version: Version) -> _Notes:
        tags, description = dict(version.manifest.tags), version.manifest.description
        for event in self._log(version.name):
            if event.kind == "noted" and event.version == version.number:
                tags |= event.details["tags"]
                description = description if event.details["description"] is None else event.details["description"]
        return _Notes({key: value for key, value in tags.items() if value is not None}, description)

    def _create(self) -> None:
        """Make this folder a store, unless it is one."""
        if self._check_format():
            return
        if self.root.is_dir() and any(not entry.startswith(".") for entry in os.listdir(self.root)):
            raise RegistryError(
                f"a new model store needs an empty folder, but {self.root} has other files and no store.json"
            )
        from models.files import write_atomically

        make_folder(self.root)
        write_atomically(self.root / "store.json", canonical_json({"format": FORMAT}))
        sync_folder(self.root)

    def _check_format(self) -> bool:
        """Whether this is a store.  Raises `RegistryError` for one of a newer format."""
        import json

        try:
            text = (self.root / "store.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            found = json.loads(text)["format"]
        except (ValueError, KeyError, TypeError):
            raise DamagedError(f"{self.root / 'store.json'} is damaged: it does not state the store's format") from None
        if found != FORMAT:
            raise RegistryError(
                f"{self.root} is a model store of format {found}, but this program reads {FORMAT}: upgrade it"
            )
        return True

    def _check_model(self, name: str) -> None:
        check_name(name)
        if not self._check_format():
            raise NotFoundError(f"there is no model store in {self.root}: publish a model first, or name another folder")
        if not numbers(self._versions(name)):
            raise NotFoundError(f"no model {name!r} in {self.root}; there are: {', '.join(self.names()) or 'none'}")

    def _check_exists(self, name: str, number: int) -> None:
        found = numbers(self._versions(name))
        if number not in found:
            raise NotFoundError(f"{name} has no version {number}; its versions are {_ranges(found)}")


def _check_files(files: Mapping[str, bytes], manifest: Manifest) -> None:
    if set(files) != set(manifest.files):
        raise RegistryError(f"the manifest lists {sorted(manifest.files)}, but the files are {sorted(files)}")
    for path, data in files.items():
        check_file_name(path)
        if path in (MANIFEST, PUBLISHED):
            raise RegistryError(f"{path} is written by the store and cannot be one of the files")
        if len(data) > MAX_FILE_BYTES:
            raise RegistryError(f"a file has at most {MAX_FILE_BYTES} bytes, but {path} has {len(data)}")
        if len(data) != manifest.files[path].size or sha256(data) != manifest.files[path].sha256:
            raise DamagedError(f"{path} is not the file that the manifest describes")


def _write_version(staged: Path, files: Mapping[str, bytes], manifest: bytes) -> None:
    for path, data in files.items():
        make_folder((staged / path).parent)
        write_file(staged / path, data)
    write_file(staged / MANIFEST, manifest)
    write_file(staged / PUBLISHED, seal({"manifest": sha256(manifest)} | _signed()))
    for folder in {(staged / path).parent for path in files} | {staged}:
        sync_folder(folder)


def _next_number(staged: Path, series: Path) -> int:
    while True:
        number = max(numbers(series), default=0) + 1
        if claim(staged, series, number):
            return number


def _aliases(log: list[Event]) -> dict[str, int]:
    points = {event.details["alias"]: event.details["to"] for event in log if event.kind == "alias"}
    return {alias: number for alias, number in points.items() if number is not None}


def _signed() -> dict[str, str]:
    """When and by whom, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "by": f"{user}@{platform.node()}"}


def _at(number: int | _Any | None) -> str:
    return "nothing" if number is None else f"version {number}"


def _ranges(found: list[int]) -> str:
    return f"{found[0]} to {found[-1]}" if found == list(range(found[0], found[-1] + 1)) else ", ".join(map(str, found))
