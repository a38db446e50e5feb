"""Work on blocks of rows, on all cores: NumPy and SciPy release Python's lock while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from models.outlier_scores import Rows

__all__ = ["in_blocks"]

MOST_AT_ONCE = 8


def in_blocks(count: int, size: int, work: Callable[[Rows], object]) -> None:
    """work(rows) for blocks of at most `size` of `count` rows.  It writes its answer to where it belongs."""
    blocks = [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
    cores = min(os.cpu_count() or 1, len(blocks), MOST_AT_ONCE)
    if cores <= 1:
        for rows in blocks:
            work(rows)
        return
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:  # one matrix product a core
        for _ in pool.map(work, blocks):
            pass
