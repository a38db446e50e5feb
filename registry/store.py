"""The model store: a folder of plain files, without a server, that survives `kill -9` and power cuts at any instant.

    store.json                          {"format": 1}
    models/NAME/versions/7/             one version, never changed: manifest.json, encoder.onnx, decoder.onnx, card.md …
                           published    sealed record: the manifest's digest, when, by whom
    models/NAME/log/12/record           sealed record of what happened after publishing: alias moved, notes edited, retired
    heads/NAME                          how far both series have come (`registry.heads`)
    staging/…                           what is being written; `gc` removes what killed processes left
    quarantine/…                        what `repair` moved aside

Both series, versions and log, grow by the same step (`registry.disk.claim`): write everything into staging, wait until it
is on the disk, then rename the folder to the next free number, which fails if somebody else took it.  So a version or an
event exists completely or not at all, numbers have no gaps, and no lock is needed, also between machines; `gc` takes nothing
that somebody holds (`registry.leases`).  Aliases, tags and descriptions are never stored: they are what the log adds up to.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import maintenance
from registry.disk import canonical_json, claim, make_folder, numbers, read_plain, replace_file, working_folder, writing
from registry.errors import ConflictError, DamagedError, NotFoundError, RegistryError
from registry.heads import head_of, heads, link, raise_head
from registry.history import Event, aliases_in, append, notes_in, read_log, retired_in
from registry.maintenance import Finding
from registry.manifest import Manifest, parse_manifest
from registry.names import Reference, check_alias, check_name, parse_reference
from registry.version import Version, check_files, list_versions, open_version, stamp, write_version

__all__ = ["ANYWHERE", "DAY", "Entry", "Event", "Finding", "Store", "Version"]

FORMAT = 1
STAGING = "staging"
DAY = 86_400.0  # seconds
MAX_SIGNATURE = 2**20  # bytes


class _Anywhere:
    """The default of `expect`: wherever the alias points now."""


ANYWHERE = _Anywhere()


@dataclass(frozen=True)
class Entry:
    """One version as a list shows it.  facts: `Version.facts`."""

    version: Version
    facts: dict[str, Any]
    aliases: list[str]
    tags: dict[str, str]


class Store:
    """The store in the folder `root`.  Nothing is read or written before a method is called.

    Every method raises `RegistryError` for a store of a newer format, `DamagedError` for a record that has changed, and
    those that write raise `WriteError` for a full disk or a read-only folder; whenever one raises, nothing was changed.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser().absolute()

    # ------------------------------------------------------------------ what there is

    @property
    def where(self) -> str:
        """The folder, for people."""
        return str(self.root)

    def exists(self) -> bool:
        """Whether there is anything of a store, whatever is damaged or lost; other folders have models and heads, too."""
        signs = ("store.json", "heads/*", "models/*/versions/*/published", "models/*/log/*/record")
        return any(next(self.root.glob(sign), None) is not None for sign in signs)

    def names(self) -> list[str]:
        """Names of all models, sorted; none in a folder that is not a store yet."""
        if not self._is_store() or not (self.root / "models").is_dir():
            return []
        return [name for name in self._models() if numbers(self._versions(name))]

    def numbers(self, name: str) -> list[int]:
        """The version numbers of a model, ascending.  Raises `NotFoundError`."""
        self._check_model(name)
        return numbers(self._versions(name))

    def versions(self, name: str) -> list[Version]:
        """All versions of a model that can be read, oldest first; `entries` says why others cannot.  Raises `NotFoundError`."""
        self._check_model(name)
        return [each for each in list_versions(name, self._versions(name)) if isinstance(each, Version)]

    def entries(self, name: str) -> tuple[list[Entry], list[str]]:
        """All versions, newest first, with aliases and tags; and one line for each record that cannot be read.

        The log is read once, so this takes time in proportion to what there is.  Without its log a model has no known aliases.
        """
        damage, entries = [], []
        try:
            log = self._read_log(name)
        except DamagedError as error:
            log, damage = [], [str(error)]
        aliases = aliases_in(log)
        notes: dict[int, list[Event]] = {}
        for event in log:
            notes.setdefault(event.version, []).append(event)
        self._check_model(name)
        for version in list_versions(name, self._versions(name)):
            if isinstance(version, DamagedError):
                damage.append(str(version))
                continue
            try:
                facts = version.facts
            except DamagedError as error:
                damage.append(str(error))
                continue
            except NotFoundError:  # taken away since: not there for us either
                continue
            number = version.number
            tags = notes_in(notes.get(number, []), number, facts["tags"], "")[0]
            entries.append(Entry(version, facts, [alias for alias, at in aliases.items() if at == number], tags))
        return entries[::-1], damage

    def resolve(self, reference: str, version: int | None = None) -> Version:
        """The one version that is meant: see `registry.names`.  Raises `NotFoundError`."""
        parsed, last = parse_reference(reference, version), 0
        if parsed.digest is not None:
            return self._by_digest(parsed.digest)
        assert parsed.name is not None
        self._check_model(parsed.name)
        while True:
            number = self._number(parsed.name, parsed)
            try:
                return open_version(parsed.name, self._versions(parsed.name) / str(number))
            except NotFoundError:  # retired since we looked, so another one is meant now; the same again is lost
                if number == last:
                    raise
                last = number

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version number, sorted by alias.  Raises `NotFoundError`."""
        self._check_model(name)
        return aliases_in(self._read_log(name))

    def tags(self, version: Version) -> dict[str, str]:
        """The manifest's tags with all later edits."""
        return self._notes(version)[0]

    def description(self, version: Version) -> str:
        """The manifest's description, or its latest edit."""
        return self._notes(version)[1]

    def events(self, name: str | None = None) -> list[Event]:
        """Everything that happened to a model, or to all of them, oldest first."""
        happened: list[Event] = []
        for each in [name] if name is not None else self.names():
            happened += [_publication(version) for version in self.versions(each)] + self._read_log(each)
        return sorted(happened, key=lambda event: event.time)

    def verify(self, reference: str | None = None) -> list[Finding]:
        """What is damaged, in everything or in one version or model (a plain name); empty when all is intact."""
        if reference is None:
            self._is_store()
            return maintenance.verify_store(self.root, sorted({*self._models(), *heads(self.root)}))
        name, number, alias, _ = parse_reference(reference)
        if name is None or alias is not None:
            found = self.resolve(reference)
            name, number = found.name, found.number
        self._check_model(name)
        if number is not None:
            self._check_exists(name, number)
        return maintenance.verify_model(name, self.root, only=number)

    # ------------------------------------------------------------------ what changes it

    def publish(
        self,
        name: str,
        files: Mapping[str, bytes],
        manifest: Manifest,
        *,
        gate: Callable[[Path], None] | None = None,
        same: Callable[[Version], bool] | None = None,
    ) -> Version:
        """The next version of `name`, made of `files` and the manifest, whose list of files is filled in here.

        gate: sees the folder exactly as it will be published, and refuses by raising.
        same: whether an earlier version is this model already; then that one is returned, also when it was published meanwhile.
        """
        return self.publish_exactly(name, files, manifest.with_files(files).to_bytes(), gate=gate, same=same)

    def publish_exactly(
        self,
        name: str,
        files: Mapping[str, bytes],
        manifest: bytes,
        *,
        gate: Callable[[Path], None] | None = None,
        same: Callable[[Version], bool] | None = None,
        claimed: bool = False,
    ) -> Version:
        """`publish` with the manifest's exact bytes, so that a copy keeps its digest.  They must list exactly `files`.

        claimed: see `Version`.
        """
        check_name(name)
        check_files(dict(files), parse_manifest(manifest))
        with writing(self.root):
            self.create()
            with working_folder(self.root / STAGING) as staged:
                write_version(staged, dict(files), manifest)
                facts = {"claimed": True} if claimed else {}
                stamp(staged, place := self._next_place(name) | facts)
                if gate is not None:
                    gate(staged)
                return self._claim_version(name, staged, place, facts, same)

    def _claim_version(
        self, name: str, staged: Path, place: dict[str, Any], facts: dict[str, Any], same: Callable[[Version], bool] | None
    ) -> Version:
        """The staged folder as the next version.  Who loses the race to a number looks again what is there, and tries the next.

        A number is claimed that was still the next one after it had been written down: `gc` takes no version away whose number
        somebody has written down, so a number that is taken stays taken.
        """
        series, looked = self._versions(name), 0
        make_folder(series)
        while True:
            now = self._next_place(name) | facts
            if same is not None and (earlier := self._earlier(name, same, looked)) is not None:
                return earlier
            looked = now["number"] - 1
            if now != place:
                stamp(staged, place := now)
            elif claim(staged, series, place["number"]):
                raise_head(self.root, name, "versions", place["number"])
                return open_version(name, series / str(place["number"]))

    def _earlier(self, name: str, same: Callable[[Version], bool], above: int) -> Version | None:
        """The first version of a higher number than `above` that is the same; what cannot be read is not."""
        for number in numbers(self._versions(name)):
            if number > above:
                with contextlib.suppress(DamagedError, NotFoundError):
                    if same(version := open_version(name, self._versions(name) / str(number))):
                        return version
        return None

    def set_alias(self, name: str, version: int | None, alias: str, *, expect: int | _Anywhere | None = ANYWHERE) -> None:
        """Point `alias` to a version, or take it away (`version=None`).  Raises `NotFoundError` for one that is not there.

        expect: the version number it must point to now (None: to nothing), else `ConflictError`.
        """
        check_alias(alias)
        self._check_model(name)

        def decide(log: list[Event]) -> dict[str, Any] | None:
            now = aliases_in(log).get(alias)
            if not isinstance(expect, _Anywhere) and now != expect:
                raise ConflictError(f"alias {alias} of {name} must point to {_at(expect)}, but it points to {_at(now)}")
            if version is not None:
                self._check_exists(name, version, retired_in(log))
            elif now is None:
                raise _no_alias(name, alias, aliases_in(log))
            if now == version:
                return None
            return {"kind": "alias", "version": version or now, "alias": alias, "from": now, "to": version}

        self._append(name, decide)

    def annotate(self, version: Version, *, tags: Mapping[str, str | None] | None = None, description: str | None = None) -> None:
        """Set some tags (None takes one away) and/or the description.  The version itself stays as it was."""

        def decide(log: list[Event]) -> dict[str, Any] | None:
            self._check_exists(version.name, version.number, retired_in(log))
            return {"kind": "noted", "version": version.number, "tags": dict(tags or {}), "description": description}

        self._append(version.name, decide)

    def signature(self, version: Version, name: str) -> bytes | None:
        """The signature of this name beside the version, if there is one; what it says is `registry.signing`'s to judge."""
        path = self._folder(version.name) / "signatures" / str(version.number) / name
        with contextlib.suppress(OSError):  # none, or what is no signature
            return read_plain(path, MAX_SIGNATURE)
        return None

    def keep_signature(self, version: Version, name: str, data: bytes) -> str:
        """Put a signature beside the version, over an earlier one of this name; says where."""
        path = self._folder(version.name) / "signatures" / str(version.number) / name
        with writing(self.root):
            replace_file(self.root / STAGING, path, data)
        return str(path)

    def gc(self, *, grace: float = DAY, keep: int | None = None, dry_run: bool = False) -> list[str]:
        """Take away what killed processes left and, with `keep`, all versions but the `keep` newest and those with an alias.

        grace: nothing younger than this many seconds is touched, nor what a process of this machine holds.  Where others write
        to the store from other machines, it must be longer than the longest publish takes.
        Returns what was taken away, one line each.
        """
        names = self.names()
        with writing(self.root):
            return maintenance.collect(self.root, names, grace=grace, keep=keep, dry_run=dry_run)

    def repair(self) -> list[str]:
        """Go on after damage (`registry.repair`): what was moved aside, put back, written anew or is lost, one line each."""
        from registry.repair import repair_store

        with contextlib.suppress(DamagedError):  # a damaged store.json is written anew
            self._is_store()
        with writing(self.root):
            return repair_store(self.root)

    # ------------------------------------------------------------------ inside

    def _folder(self, name: str) -> Path:
        return self.root / "models" / name

    def _models(self) -> list[str]:
        folder = self.root / "models"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def _versions(self, name: str) -> Path:
        return self._folder(name) / "versions"

    def _next_place(self, name: str) -> dict[str, Any]:
        head = head_of(self.root, name)
        return link(self.root, name, "versions", head, max(numbers(self._versions(name)), default=0))

    def _read_log(self, name: str) -> list[Event]:
        return read_log(name, self._folder(name) / "log")

    def _append(self, name: str, decide: Callable[[list[Event]], dict[str, Any] | None]) -> None:
        with writing(self.root):
            append(name, self.root, decide)

    def _notes(self, version: Version) -> tuple[dict[str, str], str]:
        manifest = version.manifest
        return notes_in(self._read_log(version.name), version.number, manifest.tags, manifest.description)

    def _number(self, name: str, reference: Reference) -> int:
        if reference.alias is not None:
            aliases = self.aliases(name)
            if reference.alias not in aliases:
                raise _no_alias(name, reference.alias, aliases)
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
        return self.resolve(found[0].name, found[0].number)

    def create(self) -> None:
        """Make this folder a store, unless it is one.  Raises `RegistryError` for a folder that has something else in it."""
        if self._is_store():
            return
        occupied = self.root.is_dir() and any(not entry.startswith(".") and entry != STAGING for entry in os.listdir(self.root))
        if occupied and not self._is_store():  # asked again: another process may have created it in between
            raise RegistryError(f"a new model store needs an empty folder, but {self.root} has files and no store.json")
        replace_file(self.root / STAGING, self.root / "store.json", canonical_json({"format": FORMAT}))

    def _is_store(self) -> bool:
        """Raises `RegistryError` for a store of a newer format."""
        try:
            found = json.loads(read_plain(self.root / "store.json"))["format"]
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise DamagedError(f"{self.root / 'store.json'} is damaged: {error.strerror or error}") from None
        except (ValueError, KeyError, TypeError):
            raise DamagedError(f"{self.root / 'store.json'} is damaged: it does not state the store's format") from None
        if found != FORMAT:
            raise RegistryError(f"{self.root} is a model store of format {found}, but this program reads {FORMAT}: upgrade it")
        return True

    def _check_model(self, name: str) -> None:
        check_name(name)
        if not self._is_store():
            raise NotFoundError(f"there is no model store in {self.root}: publish a model first, or name another folder")
        if not numbers(self._versions(name)):
            raise NotFoundError(f"no model {name!r} in {self.root}; there are: {', '.join(self.names()) or 'none'}")

    def _check_exists(self, name: str, number: int, retired: set[int] | None = None) -> None:
        found = [each for each in numbers(self._versions(name)) if each not in (retired or set())]
        if number not in found:
            raise NotFoundError(f"{name} has no version {number}; its versions are {_ranges(found)}")


def _publication(version: Version) -> Event:
    return Event(version.name, "published", version.published, version.by, version.number, {"digest": version.digest})


def _no_alias(name: str, alias: str, there: Mapping[str, int]) -> NotFoundError:
    return NotFoundError(f"{name} has no alias {alias!r}; it has: {', '.join(there) or 'none'}")


def _at(number: int | _Anywhere | None) -> str:
    return "nothing" if number is None else f"version {number}"


def _ranges(found: list[int]) -> str:
    return f"{found[0]} to {found[-1]}" if found == list(range(found[0], found[-1] + 1)) else ", ".join(map(str, found))
