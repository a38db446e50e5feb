"""A folder of picture files as a batch: found, read once in parallel, kept in a memory-mapped file, names beside.

What cannot be read is left out and named.  Sizes and modes may be mixed: `Preprocessing` makes them alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from models.errors import UserError
from models.preprocessing import Preprocessing
from study.datasets import ArrayImages, save_pictures, skipped_note

__all__ = ["PictureSet", "find_files", "fitting_preprocessing", "read_pictures"]

LOOKED_AT = 200
GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")


@dataclass(frozen=True)
class PictureSet:
    """n pictures: `images` uint8 (n, C, H, W), `files` their paths, in the same order; `notes` what was left out.

    The images live in a temporary file that has lost its name already: the system frees it with the last reference.
    """

    root: Path
    files: tuple[Path, ...]
    images: ArrayImages
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def names(self) -> list[str]:
        """Paths below the folder."""
        return [file.relative_to(self.root).as_posix() for file in self.files]


def find_files(folder: Path, exclude: Iterable[str] = ()) -> list[Path]:
    """All files in and below `folder`, by path; hidden ones and those in `exclude` (paths below the folder) left out.

    Raises `UserError` for a path that is no folder, or has no files.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: a ranking needs a folder of pictures")
    left_out = {(folder / name).resolve() for name in exclude}
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    files = [path for path in found if path.resolve() not in left_out]
    if not files:
        raise UserError(f"{folder} has no files{' that are not excluded' if found else ''}: a ranking needs pictures")
    return files


def read_pictures(root: Path, files: list[Path], preprocessing: Preprocessing, description: str) -> PictureSet:
    """Read the files.  Raises `UserError` when none of them is a picture."""
    with TemporaryDirectory(prefix="vae-study-", ignore_cleanup_errors=True) as home:
        target = Path(home) / "images.npy"
        readable = save_pictures(target, files, preprocessing, description)
        images = ArrayImages(np.load(target, mmap_mode="r"))
    good = tuple(file for file, fine in zip(files, readable, strict=True) if fine)
    return PictureSet(root, good, images, skipped_note(files, readable, root))


def fitting_preprocessing(files: list[Path]) -> Preprocessing:
    """For pictures that no model knows yet: grey if they all are, 32×32 if they are that small, else 64×64.

    Judged from the headers of at most 200 of them.
    """
    shapes = []
    for path in files[:: max(1, len(files) // LOOKED_AT)]:
        try:
            with Image.open(path) as picture:
                shapes.append((picture.mode in GREY_MODES, min(picture.size)))
        except (OSError, Image.DecompressionBombError):
            continue
    small = bool(shapes) and float(np.median([side for _, side in shapes])) <= 40
    side = 32 if small else 64
    return Preprocessing(size=(side, side), mode="L" if shapes and all(grey for grey, _ in shapes) else "RGB")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
