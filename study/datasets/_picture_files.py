"""Many picture files into one array: in parallel, with flat memory, and a damaged file is skipped and named.

The decoders of Pillow release Python's lock, so threads are enough to use all cores.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import UserError
from models.preprocessing import Preprocessing, open_picture
from registry.console import progress
from study.datasets._cache import save_chunks

__all__ = ["save_pictures", "skipped_note"]

AT_ONCE = 256  # pictures in memory
NAMED = 20  # unreadable files that a note lists by name


def save_pictures(target: Path, files: Sequence[Path], preprocessing: Preprocessing, description: str) -> list[str]:
    """Write every readable picture to `target`, uint8 (n, C, H, W), in order; returns for each file why it was not, or "".

    Raises `UserError` when none is.
    """
    reasons: list[str] = []
    steps = -(-len(files) // AT_ONCE)
    chunks = progress(_chunks(files, preprocessing, reasons), steps, description)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `open_picture` refuses smaller ones, in the file's row
        count = save_chunks(target, preprocessing.image_shape, chunks)
    if count == 0:
        why = reasons[0] if reasons else "there are no files"
        raise UserError(f"none of {len(files)} files is a readable picture: {why}")
    return reasons


def skipped_note(files: Sequence[Path], reasons: Sequence[str], root: Path) -> tuple[str, ...]:
    """One line that names the unreadable files, or nothing."""
    bad = [str(file.relative_to(root)) for file, why in zip(files, reasons, strict=True) if why]
    if not bad:
        return ()
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return (f"{len(bad)} of {len(files)} files are no readable pictures and were skipped: {', '.join(bad[:NAMED])}{more}",)


def _chunks(files: Sequence[Path], preprocessing: Preprocessing, reasons: list[str]) -> Iterator[NDArray[np.uint8]]:
    def read(path: Path) -> NDArray[np.uint8] | str:
        try:
            return open_picture(path, preprocessing)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), AT_ONCE):
            pictures = list(pool.map(read, files[start : start + AT_ONCE]))
            reasons += [picture if isinstance(picture, str) else "" for picture in pictures]
            good = [picture for picture in pictures if not isinstance(picture, str)]
            yield np.stack(good) if good else np.empty((0, *preprocessing.image_shape), np.uint8)
