"""A study's folder, mirrored at a URL, so that machines which share no disk can work on one study.

    s3://bucket/prefix   Amazon S3 and what speaks like it (endpoint and credentials as every AWS program takes them)
    gs://bucket/prefix   Google Cloud Storage
    file:///folder       a folder that all machines see

On every machine the study is a local folder; the mirror has the same files under the same names.  Files go there whole, when they
have settled, and come from there before they are needed: a store of objects has no appending, no locks and no renaming.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import uuid4

from models.errors import UserError, unknown
from models.files import write_atomically

if TYPE_CHECKING:
    from pyarrow import fs

__all__ = ["AwayError", "Mirror", "below", "check_url"]

DEFAULTS = {"s3": "allow_delayed_open=true", "gs": "retry_limit_seconds=10", "file": ""}
"""Options of `pyarrow.fs` that a URL has unless it says otherwise: small files in one request; no retries for fifteen minutes."""

SECRETS = {"access_key", "secret_key", "session_token"}

CONNECTIONS = 16
"""Files of many that are under way at once: a store answers each in some 20 to 50 ms, however small it is."""

Answer = TypeVar("Answer")


class AwayError(UserError):
    """The store does not answer, or will not do what it is asked.  Nothing is lost: what is here stays here."""


def _nothing() -> str | None:
    """Nothing stands against it."""
    return None


class Mirror:
    """Of the folder `local`, at `url`; without a URL the folder stands for itself, and nothing goes anywhere.

    patience: seconds for which a store that does not answer is asked again, beyond the client's own few.

    against: says why nothing may be stored or removed there any more; set by who owns the study, and may lose it.

    Every method that asks the store raises `AwayError` when it does not answer.
    """

    def __init__(self, local: Path, url: str | None, patience: float = 0.0) -> None:
        self.local, self.url, self.patience = local, url, patience
        self.against: Callable[[], str | None] = _nothing

    def push(self, *paths: Path) -> None:
        """Store these files of the folder; those that are not there are left out."""
        if self.url is None:
            return
        for path in paths:
            if path.is_file():
                content = path.read_bytes()
                self._ask(partial(_store, key=self._key(path), content=content), changes=True)

    def pull(self, path: Path) -> bool:
        """Fetch one file, over what is here; returns whether it is here now.  A file that the store lacks is left as it is."""
        if self.url is not None:
            content = self._ask(lambda files: _content(files, self._key(path)))
            if content is not None:
                write_atomically(path, content)
        return path.is_file()

    def push_all(self, paths: Iterable[Path]) -> None:
        """Store many files, several at once; in no order."""
        self._several(self.push, paths)

    def pull_all(self, paths: Iterable[Path]) -> None:
        """Fetch many files, several at once; in no order."""
        self._several(self.pull, paths)

    def _several(self, do: Callable[[Path], object], paths: Iterable[Path]) -> None:
        if self.url is None:
            return
        _ = self._store  # opened once
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for _ in pool.map(do, paths):
                pass

    def delete(self, path: Path) -> None:
        """Remove a file, here and there; it may be absent."""
        path.unlink(missing_ok=True)
        if self.url is not None:
            self._ask(lambda files: _remove(files, self._key(path)), changes=True)

    def there(self) -> dict[Path, int]:
        """What the store has of the folder: local path and size in bytes of every file.

        Raises `UserError` for a name that would lie outside of it: whoever fills a bucket chooses its names.
        """
        if self.url is None:
            return {}
        found = self._ask(lambda files: _listing(files, self.root))
        bad = [name for name in found if ".." in PurePosixPath(name).parts or name.startswith("/")]
        if bad:
            raise UserError(f"a file of a study must lie in its folder, but the store at {self.url} has {bad[0]!r}")
        return {self.local / name: size for name, size in found.items()}

    def holds(self, path: Path) -> bool:
        """Whether the store has this file."""
        return self.url is not None and self._ask(lambda files: files.get_file_info(self._key(path)).is_file)

    def content(self, path: Path) -> bytes | None:
        """What the store has under this name; None where it has nothing."""
        return None if self.url is None else self._ask(lambda files: _content(files, self._key(path)))

    def check(self, *, write: bool = True) -> None:
        """Ask the store for what a study needs: write, read and remove a file.  write=False: only whether the bucket is there."""
        if self.url is None:
            return
        if write:
            probe = f"{self.root}/.probe-{uuid4().hex}"
            self._ask(partial(_store, key=probe, content=b"probe"))
            read = self._ask(lambda files: _content(files, probe))
            self._ask(lambda files: _remove(files, probe))
            if read != b"probe":
                raise AwayError(f"the store at {self.url} does not give back what it was given")
            return
        bucket = self.root.partition("/")[0]
        if bucket and self._ask(lambda files: files.get_file_info(bucket).type.name) == "NotFound":
            raise AwayError(f"the store at {self.url} cannot be used: there is no bucket {bucket}")

    @property
    def root(self) -> str:
        """Where the folder begins inside the store: bucket and prefix."""
        return self._store[1]

    def _key(self, path: Path) -> str:
        return f"{self.root}/{path.relative_to(self.local).as_posix()}"

    @cached_property
    def _store(self) -> tuple[fs.FileSystem, str]:
        assert self.url is not None
        return _open(self.url)

    def _ask(self, question: Callable[[fs.FileSystem], Answer], *, changes: bool = False) -> Answer:
        """The store's answer.  changes: whether anything there would change."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                reason = self.against() if changes else None
                if reason is None:
                    with _answering(str(self.url)):
                        return question(self._store[0])
            except AwayError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                raise AwayError(f"the store at {self.url} is not written to any more: {reason}")


def below(url: str, name: str) -> str:
    """The URL of what is called `name` there.

    >>> below("s3://bucket/runs?region=eu-north-1", "a")
    's3://bucket/runs/a?region=eu-north-1'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def check_url(url: str) -> None:
    """Raises `UserError` for a URL that no store can have, or that holds a secret; asks nobody."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UserError(
            f"a URL must read s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///FOLDER, but got {url} ({error})"
        ) from None
    if parts.scheme not in DEFAULTS:
        raise unknown("kind of URL", parts.scheme, [f"{scheme}://" for scheme in DEFAULTS])
    if (parts.scheme == "file" and parts.netloc) or (parts.scheme != "file" and not parts.netloc):
        raise UserError(f"a URL must read s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///FOLDER, but got {url}")
    if parts.password or SECRETS & parse_qs(parts.query).keys():
        raise UserError(
            "a URL must not hold a secret, because study.json keeps it: use AWS_SECRET_ACCESS_KEY, a profile or a role"
        )
    _open(url)


def _open(url: str) -> tuple[fs.FileSystem, str]:
    """The store and the place inside it.  Raises `UserError` for an option that the kind of store does not have."""
    import pyarrow as pa
    from pyarrow import fs

    parts = urlsplit(url)
    option = DEFAULTS.get(parts.scheme, "")
    if option and option.partition("=")[0] not in parse_qs(parts.query):
        parts = parts._replace(query="&".join(filter(None, (parts.query, option))))
    try:
        with _answering(url):
            files, root = fs.FileSystem.from_uri(urlunsplit(parts))
    except pa.ArrowInvalid as error:
        raise UserError(f"{url} is not a URL of a store: {_line(error)}") from None
    return files, root.rstrip("/")


@contextmanager
def _answering(url: str) -> Iterator[None]:
    """What the client raises becomes one line."""
    try:
        yield
    except OSError as error:
        raise AwayError(f"the store at {url} cannot be used: {_line(error)}") from None


def _line(error: Exception) -> str:
    """The first line of what a client says, from where it says something.

    >>> _line(OSError("When reading key 'k': AWS Error NO_SUCH_BUCKET during GetObject operation: it is not (Request ID: x1)"))
    'AWS Error NO_SUCH_BUCKET during GetObject operation: it is not'
    """
    first = str(error).strip().partition("\n")[0]
    return re.sub(r"^When .*?: (?=AWS Error)| ?\(Request ID: [^)]*\)", "", first)[:300]


def _store(files: fs.FileSystem, key: str, content: bytes) -> None:
    if files.type_name == "local":  # the only one with folders that must be there, and with readers in the middle of a write
        write_atomically(Path(key), content)
        return
    with files.open_output_stream(key) as stream:
        stream.write(content)


def _content(files: fs.FileSystem, key: str) -> bytes | None:
    try:
        with files.open_input_stream(key) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None


def _remove(files: fs.FileSystem, key: str) -> None:
    try:
        files.delete_file(key)
    except FileNotFoundError:
        return


def _listing(files: fs.FileSystem, root: str) -> dict[str, int]:
    """{path below root: bytes}."""
    from pyarrow import fs

    found = files.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    return {info.path.removeprefix(f"{root}/"): info.size for info in found if info.is_file}
