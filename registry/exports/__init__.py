"""Where a published model can go: one file a target, reached by `python -m registry export MODEL --to TARGET:PLACE`.

A plug-in defines

    READ_BY              who reads it there, in a few words, and so what proves it in `tests/registry/test_exports.py`
    check(place)         raises `RegistryError` for a place that is taken or cannot be written, or an extra that is missing,
                         before a file of the version is read or anything is written
    write(version, place) -> str    writes all of it or nothing, and says in one line where it went

A place is a path or, where the target says so, a URI.
"""

from __future__ import annotations

import re

from models.plugins import Plugins
from registry.errors import WriteError
from registry.version import Version

__all__ = ["EXPORTS", "export", "parse_target"]

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


def parse_target(text: str) -> tuple[str, str]:
    """(plug-in, place).  Without a plug-in's name, a path that ends in .tar is a bundle and any other a folder of files.

    >>> parse_target("triton:models"), parse_target("model.tar"), parse_target("mlflow:sqlite:///runs.db")
    (('triton', 'models'), ('tar', 'model.tar'), ('mlflow', 'sqlite:///runs.db'))
    """
    if named := _TARGET.fullmatch(text):
        return named[1], named[2]
    return ("tar" if text.endswith(".tar") else "files"), text
