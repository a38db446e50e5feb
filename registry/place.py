"""Where the model store is: a folder, or a URL of a place that `registry.places` knows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from models.files import check_writable, local_folder

if TYPE_CHECKING:
    from registry.store import Store

__all__ = ["open_store", "registry_folder", "registry_place"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)  # one letter is a drive; `Path` makes one slash of two


def registry_folder(path: str | Path | None = None) -> Path:
    """The argument, or the environment's VAE_REGISTRY, or `runs/_registry` here."""
    return local_folder(path or os.environ.get("VAE_REGISTRY") or "runs/_registry")


def open_store(where: str | Path | None = None) -> Store:
    """The model store at `where` (a folder or a URL), or at the environment's VAE_REGISTRY, or in `runs/_registry` here.

    Raises `UserError` for a URL of a kind that is not known; whether anything is there is seen when it is used.
    """
    from registry.store import Store

    said = str(where or os.environ.get("VAE_REGISTRY") or "runs/_registry")
    url = _URL.fullmatch(said)
    if url is None:
        return Store(said)
    if url[1].lower() == "file":
        return Store(unquote(urlsplit(said).path))
    from registry.places import open_place
    from registry.remote import RemoteStore

    return RemoteStore(open_place(f"{url[1].lower()}://{url[2]}"))


def registry_place(where: str | Path | None = None) -> str:
    """`where`, or its default, as text that means the same in any folder; a URL has answered, a folder can be written.

    For work whose end is publishing.  Raises `UserError`, before it has begun.
    """
    from registry.store import Store

    store = open_store(where)
    store.exists()
    if isinstance(store, Store):
        check_writable(store.root, "the model store")
    return store.where
