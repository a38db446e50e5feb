"""Where the model store is."""

from __future__ import annotations

import os
from pathlib import Path

from models.files import local_folder

__all__ = ["registry_folder"]


def registry_folder(path: str | Path | None = None) -> Path:
    """The argument, or the environment's VAE_REGISTRY, or `runs/_registry` here."""
    return local_folder(path or os.environ.get("VAE_REGISTRY") or "runs/_registry")
