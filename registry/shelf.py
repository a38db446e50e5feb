"""What the other packages ask of a model store: publish, find, and move aliases.

`registry.store.Store` is one on a disk; whatever else keeps these promises takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from registry.manifest import Manifest
from registry.version import Version

__all__ = ["Shelf"]


class Shelf(Protocol):
    """A model store as the others see it.  Each method promises what `Store`'s of that name does."""

    def names(self) -> list[str]:
        """All models."""
        ...

    def numbers(self, name: str) -> list[int]:
        """Version numbers, ascending.  Raises `NotFoundError`."""
        ...

    def versions(self, name: str) -> list[Version]:
        """Oldest first.  Raises `NotFoundError`."""
        ...

    def resolve(self, reference: str, version: int | None = None) -> Version:
        """The one version that is meant.  Raises `NotFoundError`."""
        ...

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version number.  Raises `NotFoundError`."""
        ...

    def set_alias(self, name: str, version: int | None, alias: str, *, expect: int | None = ...) -> None:
        """Move an alias.  Raises `ConflictError` when it is not where it was expected."""
        ...

    def tags(self, version: Version) -> dict[str, str]:
        """With all later edits."""
        ...

    def description(self, version: Version) -> str:
        """Its latest edit."""
        ...

    def publish(
        self,
        name: str,
        files: Mapping[str, bytes],
        manifest: Manifest,
        *,
        gate: Callable[[Path], None] | None = None,
        same: Callable[[Version], bool] | None = None,
    ) -> Version:
        """The next version, complete or not there at all; or the one that is the same already."""
        ...
