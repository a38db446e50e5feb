"""A folder of picture files as a batch: found, read once in parallel, kept in a memory-mapped file, names beside.

What cannot be read is left out and named.  Sizes and modes may be mixed: `Preprocessing` makes them alike.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from PIL import Image

from models.errors import UserError
from models.outlier_scores import Rows
from models.picture_files import walk
from models.preprocessing import Preprocessing
from study.datasets import ArrayImages, save_pictures, skipped_note
from study.views import alike, equal

__all__ = ["PictureSet", "files_named", "find_files", "fitting_preprocessing", "read_pictures"]

LOOKED_AT = 200
GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")


@dataclass(frozen=True)
class PictureSet:
    """n pictures: `images` uint8 (n, C, H, W), `files` their paths, in the same order; `notes` what was left out;
    `unreadable` which files no picture could be read from, and why.

    The images live in a temporary file that has lost its name already: the system frees it with the last reference.
    """

    root: Path
    files: tuple[Path, ...]
    images: ArrayImages
    notes: tuple[str, ...]
    unreadable: tuple[tuple[Path, str], ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def names(self) -> list[str]:
        """Paths below the folder."""
        return [file.relative_to(self.root).as_posix() for file in self.files]

    @cached_property
    def alike(self) -> tuple[Rows, Rows]:
        """The first file of each of the u different pictures, (u,), and which of those each file is, (n,).

        Files that show the same picture, or nearly (`study.views`), are one.
        """
        first, which = np.unique(alike(self.images), return_inverse=True)
        return first, which

    @cached_property
    def copies(self) -> dict[int, list[int]]:
        """By file: the others that show the same picture, or nearly, if it is the first of them, else that first one."""
        which = self.alike[1]
        by_picture = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
        groups = [rows.tolist() for rows in by_picture if len(rows) > 1]
        return {file: rows[1:] if file == rows[0] else rows[:1] for rows in groups for file in rows}

    @cached_property
    def equal(self) -> Rows:
        """For each file the first one with the very same pixels, as read, (n,)."""
        return equal(self.images)

    @property
    def distinct(self) -> PictureSet:
        """One file of each different picture."""
        first = self.alike[0]
        if len(first) == len(self):
            return self
        return replace(self, files=tuple(self.files[file] for file in first), images=ArrayImages(self.images[first]))


def find_files(folder: Path, exclude: Iterable[str] = ()) -> list[Path]:
    """All files in and below `folder`, by path; hidden ones and those in `exclude` (paths below the folder) left out.

    Raises `UserError` for a path that is no folder, or has no files.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: a ranking needs a folder of pictures")
    found = walk(folder)
    left_out = files_named(folder, found, exclude)
    files = [path for path in found if path not in left_out]
    if not files:
        raise UserError(f"{folder} has no files{' that are not excluded' if found else ''}: a ranking needs pictures")
    return files


def read_pictures(root: Path, files: list[Path], preprocessing: Preprocessing, description: str) -> PictureSet:
    """Read the files.  Raises `UserError` when none of them is a picture."""
    with TemporaryDirectory(prefix="vae-study-", ignore_cleanup_errors=True) as home:
        target = Path(home) / "images.npy"
        reasons = save_pictures(target, files, preprocessing, description)
        images = ArrayImages(np.load(target, mmap_mode="r"))
    good = tuple(file for file, why in zip(files, reasons, strict=True) if not why)
    bad = tuple((file, why) for file, why in zip(files, reasons, strict=True) if why)
    return PictureSet(root, good, images, skipped_note(files, reasons, root), bad)


def fitting_preprocessing(files: list[Path], crop: Literal["centre", "none"] = "none") -> Preprocessing:
    """For pictures that no model knows yet: whole, grey if they all are, 32×32 if they are that small, else 64×64.

    Judged from the headers of at most 200 of them.
    """
    shapes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for path in files[:: max(1, len(files) // LOOKED_AT)]:
            try:
                with Image.open(path) as picture:
                    shapes.append((picture.mode in GREY_MODES, min(picture.size)))
            except Exception:  # whatever it is, `open_picture` names it
                continue
    small = bool(shapes) and float(np.median([side for _, side in shapes])) <= 40
    side = 32 if small else 64
    return Preprocessing(size=(side, side), crop=crop, mode="L" if shapes and all(grey for grey, _ in shapes) else "RGB")


def files_named(folder: Path, found: list[Path], names: Iterable[str]) -> set[Path]:
    """The files of these names.  Raises `UserError` for a name that none has: a list with a mistake would exclude nothing."""
    there = {os.fsencode(path.relative_to(folder)): path for path in found}
    wanted = {name: there.get(os.fsencode(Path(name))) or there.get(_from_latin(name)) for name in names}
    missing = [_printable(name) for name, path in wanted.items() if path is None]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(f"every listed name must be a file below {folder}, but these are not: {', '.join(missing[:3])}{more}")
    return {path for path in wanted.values() if path is not None}


def _from_latin(name: str) -> bytes:
    """The name in UTF-8, had its list been written in Latin-1."""
    return os.fsencode(Path(os.fsencode(name).decode("latin-1")))


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
