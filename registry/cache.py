"""What came from a store elsewhere, kept on this machine by its digest, so that it comes once.

    ~/.cache/vae-registry/objects/9f/9f86d0…    (XDG_CACHE_HOME); it may be deleted at any time

Whoever reads compares with the digest again, so a damaged file here is as good as none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from models.files import write_atomically

__all__ = ["cached"]


def cached(name: str, fetch: Callable[[], bytes], good: Callable[[bytes], bool] = lambda data: True) -> bytes:
    """What is kept under `name`, if it is `good`; else what `fetch` brings, which is kept if it is."""
    key = hashlib.sha256(name.encode()).hexdigest()
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vae-registry" / "objects" / key[:2] / key
    try:
        if good(kept := path.read_bytes()):
            return kept
    except OSError:
        pass
    data = fetch()
    if good(data):
        try:
            write_atomically(path, data)
        except OSError:  # a read-only home, a full disk: it comes again next time
            return data
    return data
