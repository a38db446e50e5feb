"""Plug-ins are files: the folder is the list of choices, the file name is the name.

>>> ARCHITECTURES = Plugins("models.architectures", kind="architecture")
>>> "burgess" in ARCHITECTURES.names()
True

Listing imports nothing, so it is fast and torch-free; `load` imports the one module that was asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from models.errors import unknown

__all__ = ["Plugins"]


@dataclass(frozen=True)
class Plugins:
    """The plug-ins of one package: every public module in its folder."""

    package: str
    kind: str

    def names(self) -> list[str]:
        """All names, sorted.  Files that start with an underscore are not plug-ins."""
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations is not None, self.package
        found = pkgutil.iter_modules(spec.submodule_search_locations)
        return sorted(module.name for module in found if not module.name.startswith("_"))

    def load(self, name: str) -> ModuleType:
        """The plug-in's module.  Raises `UserError` that lists the choices when there is none of that name."""
        if name not in self.names():
            raise unknown(self.kind, name, self.names())
        return importlib.import_module(f"{self.package}.{name}")
