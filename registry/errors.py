"""Everything the registry refuses, as one small tree below `UserError`: catch `RegistryError` for all of it.

RegistryError
  NotFoundError    no such store, model, version or alias
  ConflictError    somebody else was first: an alias is not where it was expected
  DamagedError     a stored file is not what was published
  UnsafeError      an archive or ONNX file that is not opened: links, foreign operators, external data, wrong signature
  GateError        a model that may not be published: parity, signature or metrics do not hold
  WriteError       the store cannot be written: disk full, read-only; nothing was changed
"""

from __future__ import annotations

from models.errors import UserError

__all__ = [
    "ConflictError",
    "DamagedError",
    "GateError",
    "NotFoundError",
    "RegistryError",
    "UnsafeError",
    "WriteError",
]


class RegistryError(UserError):
    """The registry refuses, and has changed nothing.  The message is one line."""


class NotFoundError(RegistryError):
    """No such store, model, version or alias."""


class ConflictError(RegistryError):
    """Somebody else was first."""


class DamagedError(RegistryError):
    """A stored file is missing or is not what was published."""


class UnsafeError(RegistryError):
    """An archive or ONNX file that will not be opened."""


class GateError(RegistryError):
    """A model that may not be published."""


class WriteError(RegistryError):
    """The store cannot be written."""
