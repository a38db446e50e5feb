"""Where a model store can be, other than in a folder: one file a kind of place, known by the URL's scheme.

A plug-in defines

    GUARANTEES           one sentence: what this place promises, and by what
    open_place(url)      the place.  Raises `RegistryError` for a URL that means nothing, or an extra that is missing

A place keeps whole objects under names like paths.  A store (`registry.remote`) asks no more of it than this file says; that
nothing is ever half there, and that `write_once` has one winner, is what makes it a store.
"""

from __future__ import annotations

from typing import Protocol

from models.plugins import Plugins

__all__ = ["PLACES", "Place", "open_place"]

PLACES = Plugins("registry.places", kind="place of a model store")


class Place(Protocol):
    """Every method raises `RegistryError` of one line when the place does not answer or lets nobody in."""

    url: str

    def read(self, key: str, most: int) -> bytes:
        """Raises `FileNotFoundError`; `UnsafeError` for more than `most` bytes, of which none are read."""
        ...

    def write_once(self, key: str, data: bytes) -> bool:
        """Write it, whole or not at all.  False, and nothing done, if something is there: of several at once one is told True."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Write it, whole, over whatever is there."""
        ...

    def list(self, prefix: str = "") -> dict[str, str]:
        """Key → tag of all objects below the folder `prefix`, what was written before included.  Other content, other tag."""
        ...


def open_place(url: str) -> Place:
    """`scheme://bucket/prefix`.  Raises `UserError` for an unknown scheme, with the known ones."""
    place: Place = PLACES.load(url.partition(":")[0].lower()).open_place(url)
    return place
