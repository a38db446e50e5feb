"""Six numbers that describe a picture by itself, whatever the others show.

sharpness    log of the mean |∇² grey| (blur and defocus lower it, noise raises it)
contrast     log of the standard deviation of the grey levels
brightness   mean grey level
saturation   mean of (largest − smallest channel)
entropy      of the histogram of 32 grey levels, bits
evenness     share of pixels that equal their left neighbour (a transfer that broke off leaves an even rest)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace

from models.outlier_scores import Floats, Rows
from study.datasets import Images
from study.views._blocks import in_blocks

__all__ = ["NAMES", "plain_statistics"]

NAMES = ("sharpness", "contrast", "brightness", "saturation", "entropy", "evenness")
FLOOR = 1e-3
EVEN = 0.5 / 255
CHUNK = 256


def plain_statistics(images: Images) -> Floats:
    """(n, 6), in the order of `NAMES`."""
    found = np.empty((len(images), len(NAMES)))

    def fill(rows: Rows) -> None:
        found[rows] = _of(images[rows])

    in_blocks(len(images), CHUNK, fill)
    return found


def _of(images: NDArray[np.uint8]) -> Floats:
    x = images.astype(np.float32) / np.float32(255)
    grey = x.mean(axis=1)
    edges = np.abs(laplace(grey, mode="nearest", output=np.float32, axes=(1, 2))).mean(axis=(1, 2))
    return np.stack(
        [
            np.log(edges + FLOOR),
            np.log(grey.std(axis=(1, 2)) + FLOOR),
            grey.mean(axis=(1, 2)),
            (x.max(axis=1) - x.min(axis=1)).mean(axis=(1, 2)),
            _entropy(grey),
            (np.abs(np.diff(grey, axis=2)) < EVEN).mean(axis=(1, 2)) if grey.shape[2] > 1 else np.ones(len(grey)),
        ],
        axis=1,
    ).astype(np.float64)


def _entropy(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bits, (N,)."""
    levels = np.minimum((grey.reshape(len(grey), -1) * 32).astype(np.int64), 31) + 32 * np.arange(len(grey))[:, None]
    shares = np.bincount(levels.ravel(), minlength=32 * len(grey)).reshape(len(grey), 32) / levels.shape[1]
    return np.asarray(-(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1))
