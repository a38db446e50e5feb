"""Outlines: the mean distance to the 10 nearest other pictures, by the direction of their edges and roughly where these lie.

    gradient (Gaussian, σ = .7 pixels) → its size shared between the two nearest of 8 directions, 0 … π
    → summed under Gaussian windows (σ = 2 pixels) 4 pixels apart → each window's 8 numbers scaled to length 1, softly
    → square roots, unit vector

A histogram of oriented gradients (Dalal & Triggs 2005): the best view of what is drawn or printed, because a stroke that is a
pixel farther left or a little thicker is still the same stroke.  Among photographs it sees texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from models.outlier_scores import Floats, Rows
from study.views._blocks import in_blocks
from study.views._contract import Look, Seen, far_from
from study.views._nearest import compared
from study.views._shrunk import CHUNK

__all__ = ["NEEDS", "SPEAKS", "TITLE", "look", "reason"]

TITLE = "outlines"
NEEDS = "images"
SPEAKS = "always"

DIRECTIONS = 8
APART = 4
BLUR, WINDOW = 0.7, 2.0
FAINT = 1e-3
"""Squared length below which a window is taken for empty."""


def look(seen: Seen, context: Rows) -> Look:
    """Distances between unit vectors, 0 … √2."""
    return compared(_outlines(seen.small), context)


def reason(seen: Seen, look: Look, row: int) -> str:
    """How far."""
    times = far_from(look.distances, float(look.distances[row]))
    return f"drawn differently: its outlines are {times:.2f} × as far from those of its nearest pictures as is usual"


def _outlines(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of pictures (n, C, h, w): (n, 8 · windows), unit vectors; zero where a picture has no edge."""
    rows, columns = (_windows(side) for side in small.shape[2:])
    found = np.empty((len(small), DIRECTIONS * len(rows) * len(columns)), np.float32)

    def fill(block: Rows) -> None:
        found[block] = _of(small[block].mean(axis=1), rows, columns)

    in_blocks(len(small), CHUNK, fill)
    return found


def _of(grey: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    down, right = (gaussian_filter(grey, (0, BLUR, BLUR), order=order, mode="nearest") for order in ((0, 1, 0), (0, 0, 1)))
    size, angle = np.hypot(down, right), (np.arctan2(down, right) % np.pi) * np.float32(DIRECTIONS / np.pi)
    found = np.empty((len(grey), DIRECTIONS, len(rows), len(columns)), np.float32)
    for direction in range(DIRECTIONS):
        away = np.abs((angle - direction + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
        found[:, direction] = rows @ (size * np.maximum(0, 1 - away)) @ columns.T
    found /= np.sqrt(np.einsum("nduv,nduv->nuv", found, found) + np.float32(FAINT))[:, None]
    vectors = np.sqrt(found.reshape(len(grey), -1))
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6)))


def _windows(side: int) -> NDArray[np.float32]:
    """Gaussian weights of each pixel in each window, (windows, side)."""
    centres = np.arange(min(APART, side) / 2 - 0.5, side, APART)
    weights: Floats = np.exp(-((np.arange(side) - centres[:, None]) ** 2) / (2 * WINDOW**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
