"""Fetching a published file: checked, never half in place, and quick to give up where there is no network."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from models.errors import UserError
from registry.console import bar

__all__ = ["DownloadError", "check_reachable", "download", "file_md5", "offline"]

CONNECT_SECONDS = 3.0
READ_SECONDS = 20.0  # without a single byte


class DownloadError(UserError):
    """The file could not be fetched, or what came is not the file."""


def offline() -> bool:
    """Whether the environment's VAE_OFFLINE says that the network is not to be tried (any value but empty and 0)."""
    return os.environ.get("VAE_OFFLINE", "") not in ("", "0")


def file_md5(path: Path) -> str:
    """MD5 of a file.  It recognises published files whose authors and users name this digest; it is no protection."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def download(url: str, target: Path, md5: str) -> Path:
    """Fetch `url` into `target` when its MD5 is `md5`; otherwise leave nothing and raise `DownloadError`."""
    if offline():
        raise DownloadError("VAE_OFFLINE is set")
    response = _open(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, response:
            _copy(response, file, target.name)
        if (found := file_md5(temporary)) != md5:
            raise DownloadError(f"{url} has MD5 {found} instead of {md5}")
        temporary.chmod(0o644)
        temporary.replace(target)
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(f"{url} broke off: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def check_reachable(url: str) -> None:
    """Raises `DownloadError` within seconds where there is no network."""
    if offline():
        raise DownloadError("VAE_OFFLINE is set")
    _open(url).close()


def _open(url: str) -> Any:
    """The response.  In a thread of its own, because the time-out of a socket does not cover looking up the name."""
    outcome: list[Any] = []
    given_up = threading.Event()

    def attempt() -> None:
        try:
            outcome.append(urllib.request.urlopen(url, timeout=READ_SECONDS))
        except urllib.error.HTTPError as error:
            error.close()
            outcome.append(error)
        except Exception as error:  # carried to the caller's thread
            outcome.append(error)
        if given_up.is_set() and not isinstance(outcome[0], Exception):
            outcome[0].close()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not outcome:
        given_up.set()
        raise DownloadError(f"no answer from {url} within {CONNECT_SECONDS:.0f} s")
    if isinstance(outcome[0], Exception):
        raise DownloadError(f"{url} cannot be reached: {outcome[0]}")
    return outcome[0]


def _copy(response: Any, file: Any, name: str) -> None:
    size = int(response.headers.get("Content-Length") or 0)
    received = 0
    with bar() as progress:
        task = progress.add_task(f"downloading {name}", total=size or None)
        while block := response.read(1 << 18):
            file.write(block)
            received += len(block)
            progress.update(task, completed=received)
    if size and received != size:
        raise DownloadError(f"{name} broke off after {received} of {size} bytes")
