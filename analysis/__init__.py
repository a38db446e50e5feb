"""Understanding finished studies: tables, figures, the report, rankings of odd pictures.

>>> from analysis import load_study
>>> study = load_study("example")            # the study that comes with the package; any name under runs/, or a path
>>> study.trials[["study", "trial", "variant", "recon", "mig"]].empty
False

Importing this package costs nothing: its names load their modules when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.tables.load import Studies, load_registry, load_study

__all__ = ["Studies", "load_registry", "load_study"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("analysis.tables.load"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
