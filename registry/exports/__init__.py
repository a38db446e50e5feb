"""Where a published model can go, and come back from: one file a target, `python -m registry export MODEL --to TARGET:PLACE`.

A plug-in defines

    READ_BY              who reads it there, in a few words, and so what proves it in `tests/registry/test_exports.py`
    check(place)         raises `RegistryError` for a place that is taken or cannot be written, or an extra that is missing,
                         before a file of the version is read or anything is written
    write(version, place) -> str    writes all of it or nothing, and says in one line where it went
    read(place) -> (name, manifest, files)    the way back, where there is one: `python -m registry import TARGET:PLACE`; the
                         manifest's bytes are the exported ones, so that the version keeps its digest

A place is a path or, where the target says so, a URI.
"""

from __future__ import annotations

import re
from pathlib import Path

from models.plugins import Plugins
from registry.errors import RegistryError, WriteError
from registry.store import Store
from registry.version import Version

__all__ = ["EXPORTS", "bring_in", "export", "parse_target"]

EXPORTS = Plugins("registry.exports", kind="target")
_TARGET = re.compile(r"([A-Za-z_][\w-]+):(.+)", re.DOTALL)  # two letters at least: C:\models is a folder


def export(version: Version, target: str) -> str:
    """Take the version to `TARGET:PLACE`; what it says is where it went.  Raises `RegistryError`, and nothing is written."""
    name, place = parse_target(target)
    plugin = EXPORTS.load(name)
    plugin.check(place)
    try:
        went: str = plugin.write(version, place)
    except OSError as error:
        raise WriteError(f"cannot write to {place}: {error.strerror or error}; nothing was left there") from None
    return went


def bring_in(store: Store, source: str, name: str | None = None) -> Version:
    """Publish what `export` took to `TARGET:PLACE` as the next version of `name` (its own, if None), through the same checks
    as a bundle; a version that is there already is not added again.  Raises `RegistryError`, and nothing is published."""
    from registry.bundle import publish_copy

    target, place = parse_target(source)
    if target == "files" and not Path(place).is_dir():
        target = "tar"  # whatever its name ends with
    plugin = EXPORTS.load(target)
    if not hasattr(plugin, "read"):
        raise RegistryError(f"a model cannot come back from {target}: it keeps the networks only, without the manifest")
    own, manifest, files = plugin.read(place)
    return publish_copy(store, name or own, manifest, files)


def parse_target(text: str) -> tuple[str, str]:
    """(plug-in, place).  Without a plug-in's name, a path that ends in .tar is a bundle and any other a folder of files.

    >>> parse_target("triton:models"), parse_target("model.tar"), parse_target("mlflow:sqlite:///runs.db")
    (('triton', 'models'), ('tar', 'model.tar'), ('mlflow', 'sqlite:///runs.db'))
    """
    if named := _TARGET.fullmatch(text):
        return named[1], named[2]
    return ("tar" if text.endswith(".tar") else "files"), text
