"""What a result was made with: commit, library versions, time."""

from __future__ import annotations

import contextlib
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["git_state", "library_versions", "now"]


LIBRARIES = ("vae-study", "torch", "ray", "optuna", "numpy", "onnxruntime", "onnx", "scikit-learn", "pandas")


def library_versions() -> dict[str, str]:
    """Installed versions of what numbers depend on."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def git_state() -> dict[str, Any]:
    """Commit of the code that runs and whether it had uncommitted changes; empty outside a checkout."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        dirty = subprocess.run([*command, "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
