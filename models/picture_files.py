"""Which files of a folder are candidates for pictures: the one walk that all of this project shares.

Every file in and below the folder, by path.  Left out are hidden files and folders, pipes and devices (which would never end),
and folders that this project wrote itself, which hold a file named `OUTPUT`.  Links to folders are followed, each
folder once, so that circles end.  A link to a file that is gone is a candidate: whoever reads it says so.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["OUTPUT", "mark_output", "walk"]

OUTPUT = ".vae-study-output"


def walk(folder: Path) -> list[Path]:
    """The candidates, sorted by path.  A folder that cannot be listed raises its `OSError`."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop(0)
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen or (here / OUTPUT).exists():
            continue
        seen.add((status.st_dev, status.st_ino))
        entries = sorted(Path(entry.path) for entry in os.scandir(here) if not entry.name.startswith("."))
        waiting += [path for path in entries if path.is_dir() and not path.is_symlink()]
        found += [path for path in entries if _is_file(path)]
        linked = [path for path in entries if path.is_dir() and path.is_symlink()]
        waiting += linked  # after the others of this folder: a real folder comes under its own name
    return sorted(found)


def mark_output(folder: Path) -> None:
    """Nothing in `folder` is ever taken for a picture of somebody's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OUTPUT).touch()


def _is_file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())
