"""MuSc in short form: the part of a picture that is like no part of most other pictures (not among the default views).

    a(i, m, j) = min_n ‖pᵢᵐ − pⱼⁿ‖                  patch m of picture i, to the most similar patch of picture j
    a(i, m)    = mean of the lowest 30 % over j     most pictures have an ordinary patch; few share an odd one
    a(i)       = max over m

Mutual scoring of Li et al. 2024 ("MuSc: zero-shot industrial anomaly classification and segmentation with mutual scoring of
the unlabeled images", ICLR, arXiv:2401.16753), whose patches are those of a large vision transformer, aggregated at several
sizes, and whose scores are smoothed over neighbours at the end.  Here a patch is 1/8 of the picture's side in pixels, and
neither is done.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.outlier_scores import Rows
from study.datasets import Images
from study.views._contract import Look, Seen, far_from
from study.views._place import place_of

__all__ = ["NEEDS", "SPEAKS", "TITLE", "look", "reason"]

TITLE = "parts of the picture"
NEEDS = "images"
SPEAKS = "always"

GRID = 8
WIDE = 32
LOWEST = 0.3
MOST = 100
"""Pictures that each is compared with, evenly spread over the context: all pairs of patches are quadratic in both."""

CHUNK = 16


def look(seen: Seen, context: Rows) -> Look:
    """Distances in grey levels (1 = white), root mean square over the patch; parts: of every patch (n, rows · columns)."""
    patches = _patches(seen.images)
    n, count, size = patches.shape
    others = np.unique(context)
    others = others[np.linspace(0, len(others) - 1, min(len(others), MOST)).astype(int)]
    theirs = patches[others].reshape(-1, size)
    parts = np.empty((n, count))
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        mutual = _nearest(patches[rows].reshape(-1, size), theirs, count).reshape(len(rows), count, len(others))
        mutual[np.broadcast_to((rows[:, None] == others)[:, None, :], mutual.shape)] = np.inf  # nobody scores itself
        lowest = max(1, int(LOWEST * (len(others) - 1)))
        parts[rows] = np.sort(mutual, axis=2)[:, :, :lowest].mean(axis=2)
    return Look(np.maximum(parts.max(axis=1) / np.sqrt(size), 1e-9), parts=parts)


def reason(seen: Seen, look: Look, row: int) -> str:
    """Which part of the picture."""
    assert look.parts is not None
    down, across = _grid(seen.images)
    times = far_from(look.distances, float(look.distances[row]))
    where = place_of(look.parts[row].reshape(down, across))
    return f"a part of it ({where}) is like no part of most other pictures: {times:.1f} × as far as is usual"


def _nearest(mine: NDArray[np.float32], theirs: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Distance of each patch to the nearest of every picture's `count` patches, (patches, pictures)."""
    squared = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1) - 2 * mine @ theirs.T
    return np.asarray(np.sqrt(np.maximum(squared.reshape(len(mine), -1, count).min(axis=2), 0)))


def _sides(images: Images) -> tuple[int, int]:
    """By how much a picture is reduced, and the side of a patch after that."""
    largest = max(images.image_shape[1:])
    by = max(1, largest // WIDE)
    return by, max(1, largest // by // GRID)


def _grid(images: Images) -> tuple[int, int]:
    """Patches of a picture, down and across; what is left at the edges is cut off."""
    by, side = _sides(images)
    return tuple(max(1, length // (by * side)) for length in images.image_shape[1:])  # type: ignore[return-value]


def _patches(images: Images) -> NDArray[np.float32]:
    """(n, patches, values of one) in [0, 1]."""
    by, side = _sides(images)
    down, across = _grid(images)
    rows = []
    for start in range(0, len(images), CHUNK):
        x = images[np.arange(start, min(start + CHUNK, len(images)))] / np.float32(255)
        height, width = min(side * by, x.shape[2]), min(side * by, x.shape[3])  # of a patch
        x = x[:, :, : down * height, : across * width].reshape(len(x), -1, down, height, across, width)
        x = x.transpose(0, 2, 4, 1, 3, 5)
        if height % by == 0 and width % by == 0:
            x = x.reshape(*x.shape[:4], height // by, by, width // by, by).mean(axis=(5, 7))
        rows.append(x.reshape(len(x), down * across, -1))
    return np.concatenate(rows)
