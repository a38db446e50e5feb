"""Finished models: published once, checked always, used from the bare install.

>>> from registry import load
>>> model = load("dsprites_capacity@champion")                # doctest: +SKIP
>>> mu, logvar = model.encode(images)                         # doctest: +SKIP

Importing this package costs nothing: its names load their modules when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.errors import RegistryError
    from registry.inference import Model, load
    from registry.place import registry_folder
    from registry.store import Store

__all__ = ["Model", "RegistryError", "Store", "load", "registry_folder"]

_HOMES = {"Model": "inference", "RegistryError": "errors", "Store": "store", "load": "inference", "registry_folder": "place"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
