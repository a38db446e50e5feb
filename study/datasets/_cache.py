"""Prepared data sets on disk: made once, complete or absent, shared by every process of the machine.

A cache is a folder of `.npy` files and one `dataset.json`.  It is made under a lock beside its final place and then renamed,
so two processes that open a data set at once make it once, and a killed one leaves nothing that looks finished.
Opening compares the key (what it was made from) and the files' sizes, which takes milliseconds; `Dataset.verify` reads
everything.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

__all__ = ["open_array", "prepared", "save_chunks"]

_FACTS = "dataset.json"


def prepared(folder: Path, key: dict[str, Any], build: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The facts of the cache in `folder`; it is made now when it is absent, damaged or made from something else.

    key    JSON values that decide the content: versions, options, digests of the files it is made from
    build  writes the arrays into the folder it is given and returns the facts to remember (JSON values)

    Raises `OSError` where it cannot be written, and whatever `build` raises; then nothing stays behind.
    """
    if (facts := _read(folder, key)) is not None:
        return facts
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if (facts := _read(folder, key)) is None:  # no other process has made it while this one waited
            facts = _make(folder, key, build)
    return facts


def _make(folder: Path, key: dict[str, Any], build: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    partial.mkdir()
    try:
        facts = build(partial)
        sizes = {file.name: file.stat().st_size for file in sorted(partial.iterdir())}
        (partial / _FACTS).write_text(json.dumps({"key": key, "sizes": sizes, "facts": facts}, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return facts


def _read(folder: Path, key: dict[str, Any]) -> dict[str, Any] | None:
    """The facts, or None when the cache is absent, damaged or made from something else."""
    try:
        found = json.loads((folder / _FACTS).read_text())
        whole = all((folder / name).stat().st_size == size for name, size in found["sizes"].items())
        if whole and found["key"] == json.loads(json.dumps(key)):
            facts: dict[str, Any] = found["facts"]
            return facts
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        pass
    return None


def save_chunks(path: Path, row: tuple[int, ...], chunks: Iterable[NDArray[np.uint8]]) -> int:
    """Write uint8 (N, *row) to a `.npy` file, some rows at a time, so that memory stays flat.  Returns N.

    Plain writes rather than a writable memory map: a full disk is then an `OSError`, where a map would kill the process.
    The header goes in last, over a reserved place, because N is known last.
    """
    count = 0
    with path.open("wb") as file:
        _write_header(file, (0, *row))
        for chunk in chunks:
            assert chunk.dtype == np.uint8 and chunk.shape[1:] == row, (chunk.dtype, chunk.shape, row)
            file.write(np.ascontiguousarray(chunk).data)
            count += len(chunk)
        file.seek(0)
        _write_header(file, (count, *row))
    return count


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads the header so that its first axis can grow in place.
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def open_array(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file, mapped read-only: nothing is read until it is used, and processes share it."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array
