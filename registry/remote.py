"""A model store at a URL: the same records, where nothing can be renamed.

    store.json, heads/NAME              as in a folder (`registry.store`)
    blobs/9f86d0…                       a file or a manifest, by the sha256 of its content; written first
    models/NAME/versions/7/published    the sealed record that makes them a version: a conditional put
    models/NAME/log/12/record           a sealed record, by a conditional put
    models/NAME/signatures/7/KEY.sig    as in a folder

Of several who want a number one is told that it is theirs, and the others take the next (`registry.places`), so a version or an
event exists completely or not at all.  What a killed publisher leaves are blobs that nothing names.

Reading works on a mirror: a private folder with the small records as they are there now, in the layout of a store in a
folder, on which the same code runs.  Networks come when they are read, once a machine (`registry.cache`), and are compared with
their digests each time.  `verify` fetches everything anew.  Nothing is ever taken away here: `gc` is refused.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from registry.cache import cached
from registry.disk import MAX_DOCUMENT, MAX_RECORD, canonical_json, seal, sha256, signed
from registry.errors import DamagedError, RegistryError, WriteError
from registry.heads import SERIES, head_of, link, raise_head
from registry.history import Event
from registry.maintenance import Finding
from registry.manifest import parse_manifest
from registry.mirror import CONNECTIONS, blob_key, bring, copy_store, records
from registry.names import check_name, parse_reference
from registry.places import Place
from registry.store import FORMAT, MAX_SIGNATURE, Entry, Store
from registry.version import MANIFEST, MAX_FILE_BYTES, Version, check_files, stamp, write_version

__all__ = ["RemoteStore"]

P = ParamSpec("P")
R = TypeVar("R")
FRESH = 1.0  # seconds for which what was seen of the whole store is taken to be so


def _on_mirror(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """`Store`'s own method, on a mirror that shows the model (or all of them) as it is now."""

    @wraps(method)
    def asked(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._now(_model_in(args[0] if args else kwargs.get("name"))):
            return cast(R, self._from_here(method(self, *args, **kwargs)))

    return asked


class RemoteStore(Store):
    """What `Store` promises, at a place elsewhere.  `root` is the mirror."""

    def __init__(self, place: Place) -> None:
        self.place = place
        mirror = tempfile.mkdtemp(prefix="vae-registry-")
        weakref.finalize(self, shutil.rmtree, mirror, ignore_errors=True)
        super().__init__(mirror)
        self._lock = threading.RLock()
        self._seen: dict[str, str] = {}
        self._all_seen = -math.inf

    names = _on_mirror(Store.names)
    numbers = _on_mirror(Store.numbers)
    versions = _on_mirror(Store.versions)
    entries = _on_mirror(Store.entries)
    resolve = _on_mirror(Store.resolve)
    aliases = _on_mirror(Store.aliases)
    tags = _on_mirror(Store.tags)
    description = _on_mirror(Store.description)
    events = _on_mirror(Store.events)
    set_alias = _on_mirror(Store.set_alias)
    annotate = _on_mirror(Store.annotate)

    @property
    def where(self) -> str:
        """The URL."""
        return self.place.url

    def exists(self) -> bool:
        """Whether there is anything of a store."""
        with self._now(None):
            return bool(self._seen)

    def verify(self, reference: str | None = None) -> list[Finding]:
        """As `Store.verify`, of everything fetched anew, into a temporary folder that is as large as what is verified."""
        with self._now(_model_in(reference)), tempfile.TemporaryDirectory(prefix="vae-registry-") as folder:
            name, number, alias, digest = parse_reference(reference) if reference is not None else (None,) * 4
            if alias or digest:
                meant = super().resolve(str(reference))
                name, number = meant.name, meant.number
            copy_store(self.place, Path(folder), name, number)
            try:
                whole = None if name is None else name if number is None else f"{name}@{number}"
                return [replace(found, problem=self._told(found.problem, folder)) for found in Store(folder).verify(whole)]
            except RegistryError as error:
                raise type(error)(self._told(str(error), folder)) from None

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
        """As `Store`'s; what the gate sees is a copy on this machine."""
        check_name(name)
        check_files(dict(files), parse_manifest(manifest))
        facts = {"manifest": sha256(manifest)} | ({"claimed": True} if claimed else {})
        earlier: Version | None = None

        def record() -> dict[str, Any] | None:
            nonlocal earlier
            place = self._next_place(name)
            earlier = None if same is None else self._earlier(name, same, 0)
            return facts | place if earlier is None else None

        with self._now(name):
            self.create()
            with tempfile.TemporaryDirectory(prefix="vae-registry-") as folder:
                write_version(Path(folder), dict(files), manifest)
                stamp(Path(folder), self._next_place(name))
                if gate is not None:
                    gate(Path(folder))
            for data in (*files.values(), manifest):
                self._keep(data)
            number = self._claim(name, "versions", record)
            found: Version = self.resolve(name, number if earlier is None else earlier.number)
        return found

    def create(self) -> None:
        """Make this place a store, unless it is one.  Raises `RegistryError` where something else is, or without conditions."""
        there = self._is_store()
        listed = {} if there else self.place.list()
        there = there or "store.json" in listed  # or somebody has made it in between
        if listed and not there:
            raise RegistryError(f"a new model store needs an empty place, but {self.place.url} has files and no store.json")
        made, again = (self.place.write_once("store.json", canonical_json({"format": FORMAT})) for _ in range(2))
        if again or (made and there):
            raise RegistryError(f"a model store needs conditional writes, but {self.place.url} ignores their condition")

    def signature(self, version: Version, name: str) -> bytes | None:
        """As `Store`'s."""
        with self._now(version.name), suppress(FileNotFoundError):
            return self.place.read(f"models/{version.name}/signatures/{version.number}/{name}", MAX_SIGNATURE)
        return None

    def keep_signature(self, version: Version, name: str, data: bytes) -> str:
        """As `Store`'s."""
        key = f"models/{version.name}/signatures/{version.number}/{name}"
        with self._now(version.name):
            self.place.write(key, data)
        return f"{self.place.url}/{key}"

    def gc(self, *, grace: float = 0, keep: int | None = None, dry_run: bool = False) -> list[str]:
        """Refused: nobody here knows who else reads and writes there."""
        raise RegistryError(f"gc needs a model store in a folder, but {self.place.url} is none")

    def repair(self) -> list[str]:
        """Refused: nothing can be moved aside there in one step."""
        raise RegistryError(f"repair needs a model store in a folder, but {self.place.url} is none")

    # ------------------------------------------------------------------ inside

    @contextmanager
    def _now(self, name: str | None) -> Iterator[None]:
        """With the mirror as it should be; what is said of the mirror is said of the place."""
        with self._lock:
            try:
                self._refresh(name)
                yield
            except RegistryError as error:
                raise type(error)(self._told(str(error), self.root)) from None

    def _told(self, text: str, folder: str | Path) -> str:
        return text.replace(str(folder), self.place.url)

    def _refresh(self, name: str | None, at_once: bool = False) -> None:
        """Bring the records of a model, or of all, that are new, and drop those that are gone."""
        asked = time.monotonic()
        if not at_once and asked - self._all_seen < FRESH:
            return
        found = records(self.place, name)
        below = "models/" if name is None else f"models/{name}/"
        for key in [key for key in self._seen if key not in found and (key.startswith(below) or not key.startswith("models/"))]:
            shutil.rmtree((self.root / key).parent) if key.startswith("models/") else (self.root / key).unlink(missing_ok=True)
            del self._seen[key]
        new = {key: tag for key, tag in found.items() if self._seen.get(key) != tag}
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            brought = pool.map(lambda key: bring(self.root, key, partial(self._record, key, new[key]), self._blob), new)
            self._seen |= {key: new[key] for key, there in zip(new, brought, strict=True) if there}
        if name is None:
            self._all_seen = asked

    def _record(self, key: str, tag: str) -> bytes:
        return cached(f"{self.place.url}/{key} {tag}", lambda: self.place.read(key, MAX_RECORD))

    def _blob(self, digest: str, most: int) -> bytes:
        """Raises `FileNotFoundError`, `UnsafeError`."""
        return cached(digest, lambda: self.place.read(blob_key(digest), most), lambda data: sha256(data) == digest)

    def _keep(self, data: bytes) -> None:
        """Put content where it belongs; what is there already must be the same, and a damaged copy is mended."""
        key = blob_key(sha256(data))
        if not self.place.write_once(key, data) and self.place.read(key, MAX_FILE_BYTES) != data:
            self.place.write(key, data)

    def _append(self, name: str, decide: Callable[[list[Event]], dict[str, Any] | None]) -> None:
        self._refresh(name, at_once=True)  # what decides is not a second old

        def record() -> dict[str, Any] | None:
            head, log = head_of(self.root, name), self._read_log(name)
            made = decide(log)
            return None if made is None else made | link(self.root, name, "log", head, len(log))

        self._claim(name, "log", record)

    def _claim(self, name: str, series: str, decide: Callable[[], dict[str, Any] | None]) -> int | None:
        """Write the record that `decide` makes for the next number, asked again while others are first.  None: it made none.

        A put whose answer was lost is sent again by the client and finds itself there, so what is there is compared.
        """
        while (record := decide()) is not None:
            key, data = f"models/{name}/{series}/{record['number']}/{SERIES[series]}", seal(signed(record))
            try:
                ours = self.place.write_once(key, data) or self.place.read(key, MAX_RECORD) == data
            except RegistryError as error:
                raise WriteError(f"{error}; whether {key} was written is not known: list shows it") from None
            self._refresh(name, at_once=True)
            if ours:
                with suppress(RegistryError):  # then the head stays behind, and the next one catches up
                    raise_head(self.root, name, series, record["number"])
                    self.place.write(f"heads/{name}", (self.root / "heads" / name).read_bytes())
                return int(record["number"])
        return None

    def _from_here(self, result: Any) -> Any:
        """Versions of the mirror as versions of the place, wherever in a result they are."""
        if isinstance(result, Version):
            known = {each.name: getattr(result, each.name) for each in fields(Version)}
            return RemoteVersion(**known, url=f"{self.place.url}/models/{result.name}/versions/{result.number}", store=self)
        if isinstance(result, Entry):
            return replace(result, version=self._from_here(result.version))
        return type(result)(map(self._from_here, result)) if isinstance(result, (list, tuple)) else result


@dataclass(frozen=True)
class RemoteVersion(Version):
    """A version whose files come when they are read."""

    url: str = ""
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def where(self) -> str:
        """Where it is."""
        return self.url

    def check(self, name: str, digest: str) -> bytes:
        """The bytes of one file that must have this digest.  Raises `DamagedError`."""
        try:
            most = MAX_DOCUMENT if name == MANIFEST else self.manifest.files[name].size
            data: bytes = self.store._blob(digest, most)
        except FileNotFoundError:
            raise DamagedError(f"{self} is damaged: {name} is missing in {self.store.place.url}") from None
        if sha256(data) != digest:
            raise DamagedError(f"{self} is damaged: {self.url}/{name} is not the file that was published")
        return data


def _model_in(given: object) -> str | None:
    """The model's name in a reference; None: any."""
    if isinstance(given, Version):
        return given.name
    return parse_reference(given).name if isinstance(given, str) else None
