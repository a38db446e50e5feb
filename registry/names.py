"""Which names are allowed, and how a model is referred to.

Names become folders on any file system and parts of URLs, so they are strict: lower-case ASCII letters, digits, and
`-`, `_`, `.` inside.  Lower case only means that no two names can differ by case alone, which some file systems confuse.

    name            the newest version            name@champion     where the alias points
    name@3          version 3                     sha256:9f86d0…    the model with this manifest digest (≥ 8 digits of it)
"""

from __future__ import annotations

import re
from typing import NamedTuple, SupportsIndex

from registry.errors import RegistryError

__all__ = ["Reference", "check_alias", "check_file_name", "check_name", "parse_reference"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{8,64}")
# Device names that Windows reserves in every folder, with any extension.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}


class Reference(NamedTuple):
    """A parsed reference: a digest (or the start of one), or a name with at most one of version and alias."""

    name: str | None = None
    version: int | None = None
    alias: str | None = None
    digest: str | None = None


def check_name(name: str, kind: str = "model name") -> str:
    """`name` itself.  Raises `RegistryError` that states the rule when it breaks it."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name or name.split(".")[0] in _DEVICES:
        hint = f", for example {name.lower()!r}" if isinstance(name, str) and _NAME.fullmatch(name.lower()) else ""
        article = "an" if kind[0] in "aeiou" else "a"
        raise RegistryError(
            f"{article} {kind} has 1 to 64 lower-case letters, digits and . _ - inside, no '..', and is no device name"
            f"{hint}, but got {name!r}"
        )
    return name


def check_alias(alias: str) -> str:
    """`alias` itself: like a name, but neither a number nor `latest`, which mean versions already."""
    check_name(alias, "alias")
    if alias.isdigit() or alias == "latest":
        raise RegistryError(f"an alias is neither a number nor 'latest', but got {alias!r}")
    return alias


def check_file_name(path: str) -> str:
    """`path` itself: a file of a version, at most one folder deep, such as `pictures/traversal.png`."""
    parts = path.split("/")
    safe = all(_PART.fullmatch(part) and ".." not in part and part.split(".")[0].lower() not in _DEVICES for part in parts)
    if not safe or len(parts) > 2:
        raise RegistryError(f"a file of a model is named like 'encoder.onnx' or 'pictures/a.png', but got {path!r}")
    return path


def parse_reference(text: str, version: int | None = None) -> Reference:
    """What `text` refers to.

    >>> parse_reference("dsprites@champion")
    Reference(name='dsprites', version=None, alias='champion', digest=None)
    >>> parse_reference("dsprites@3") == parse_reference("dsprites", 3)
    True
    """
    if not isinstance(text, str) or not text:
        raise RegistryError(f"a model is named by text, but got {text!r}")
    if version is not None and (isinstance(version, bool) or not isinstance(version, SupportsIndex)):
        raise RegistryError(f"a version is a whole number, but got {version!r}")
    if _DIGEST.fullmatch(text):
        reference = Reference(digest=text)
    else:
        name, at, point = text.partition("@")
        check_name(name)
        if at and point.isascii() and point.isdigit():
            reference = Reference(name, version=int(point))
        elif at and point != "latest":
            reference = Reference(name, alias=check_alias(point))
        else:
            reference = Reference(name)
    if version is None:
        return reference
    if reference != Reference(reference.name) or reference.name is None:
        raise RegistryError(f"a version number goes with a plain name, but got {text!r} and version={version}")
    return reference._replace(version=version)
