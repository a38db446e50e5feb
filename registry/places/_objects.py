"""Stores of objects, by the library `obstore` (extra `remote`), which knows each of them's conditional put."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from registry.errors import RegistryError, UnsafeError

__all__ = ["Objects", "check_obstore", "client"]

SECONDS = 20  # for which a place that does not answer is asked again


class Objects:
    """A `registry.places.Place` in a bucket.  store: one of obstore's, rooted at the prefix."""

    def __init__(self, url: str, store: Any) -> None:
        self.url = url.rstrip("/")
        self._store = store

    def read(self, key: str, most: int) -> bytes:
        """The size is known before the content comes."""
        import obstore

        with self._asked():
            found = obstore.get(self._store, key)
            if found.meta["size"] > most:
                raise UnsafeError(f"{self.url}/{key} has at most {most:,} bytes, but it has {found.meta['size']:,}")
            return bytes(found.bytes())

    def write_once(self, key: str, data: bytes) -> bool:
        """By a conditional put: the server refuses it where something is."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._asked():
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def write(self, key: str, data: bytes) -> None:
        """Over whatever is there."""
        import obstore

        with self._asked():
            obstore.put(self._store, key, data, use_multipart=False)

    def list(self, prefix: str = "") -> dict[str, str]:
        """The tag is the server's ETag."""
        import obstore

        with self._asked():
            found = [each for chunk in obstore.list(self._store, prefix or None) for each in chunk]
        return {each["path"]: f"{each['e_tag']} {each['size']} {each['last_modified'].isoformat()}" for each in found}

    @contextmanager
    def _asked(self) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise RegistryError(f"the model store {self.url} does not let this user in: {_first_line(error)}") from None
        except BaseError as error:
            raise RegistryError(f"the model store {self.url} does not answer: {_first_line(error)}") from None


def check_obstore() -> None:
    """Raises `RegistryError` where it is missing."""
    if find_spec("obstore") is None:
        raise RegistryError("a model store at a URL needs the extra 'remote': pip install 'vae-study[remote]'")


def client(url: str, make: Callable[..., Any], **settings: Any) -> Objects:
    """The place at `url`.  make: obstore's `from_url` of this kind of store."""
    check_obstore()
    from obstore.exceptions import BaseError

    backoff = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=2), "base": 2}
    retries = {"max_retries": 5, "retry_timeout": timedelta(seconds=SECONDS), "backoff": backoff}
    try:
        options = {"timeout": "60s", "connect_timeout": "5s", **settings.pop("client_options", {})}
        return Objects(url, make(url, client_options=options, retry_config=retries, **settings))
    except (BaseError, ValueError) as error:
        raise RegistryError(f"{url} must be SCHEME://BUCKET/PREFIX, but: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """obstore appends the whole tree of causes; the first line names the request and the reason."""
    return str(error).strip().partition("\n")[0][:300]
