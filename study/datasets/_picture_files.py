"""Many picture files into one array: in parallel, with flat memory, and a damaged file is skipped and named.

The decoders of Pillow release Python's lock, so threads are enough to use all cores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.preprocessing import Preprocessing, open_picture
from registry.console import progress
from study.datasets._cache import save_chunks

__all__ = ["save_pictures", "skipped_note"]

AT_ONCE = 256  # pictures in memory
NAMED = 20  # unreadable files that a note lists by name


def save_pictures(target: Path, files: Sequence[Path], preprocessing: Preprocessing, description: str) -> NDArray[np.bool_]:
    """Write every readable picture to `target`, uint8 (n, C, H, W), in order; returns which of `files` were readable, (N,).

    Raises `UserError` when none is.
    """
    readable = np.zeros(len(files), dtype=bool)
    steps = -(-len(files) // AT_ONCE)
    chunks = progress(_chunks(files, preprocessing, readable), steps, description)
    if save_chunks(target, preprocessing.image_shape, chunks) == 0:
        raise UserError(f"none of {len(files)} files is a readable picture: {_reason(files, preprocessing)}")
    return readable


def skipped_note(files: Sequence[Path], readable: NDArray[np.bool_], root: Path) -> tuple[str, ...]:
    """One line that names the unreadable files, or nothing."""
    bad = [str(file.relative_to(root)) for file, good in zip(files, readable, strict=True) if not good]
    if not bad:
        return ()
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return (f"{len(bad)} of {len(files)} files are no readable pictures and were skipped: {', '.join(bad[:NAMED])}{more}",)


def _chunks(files: Sequence[Path], preprocessing: Preprocessing, readable: NDArray[np.bool_]) -> Iterator[NDArray[np.uint8]]:
    def read(path: Path) -> NDArray[np.uint8] | None:
        try:
            return open_picture(path, preprocessing)
        except UserError:
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), AT_ONCE):
            pictures = list(pool.map(read, files[start : start + AT_ONCE]))
            readable[start : start + AT_ONCE] = [picture is not None for picture in pictures]
            good = [picture for picture in pictures if picture is not None]
            yield np.stack(good) if good else np.empty((0, *preprocessing.image_shape), np.uint8)


def _reason(files: Sequence[Path], preprocessing: Preprocessing) -> str:
    """Why the first one is not."""
    if not files:
        return "there are no files"
    try:
        open_picture(files[0], preprocessing)
    except UserError as error:
        return str(error)
    raise AssertionError("the first file is readable after all")
