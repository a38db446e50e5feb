"""Plain statistics: what damage changes.  The largest robust z of six numbers that describe a picture.

    sharpness    log of the mean |∇² grey| (blur and defocus lower it, noise raises it)
    contrast     log of the standard deviation of the grey levels
    brightness   mean grey level
    saturation   mean of (largest − smallest channel)
    entropy      of the histogram of 32 grey levels, bits
    evenness     share of pixels that equal their left neighbour (a transfer that broke off leaves an even rest)

z is from the median in units of the MAD (× 1.4826) of the context, at least a unit below which a difference cannot be seen.
It is silent until a picture is far out: ordinary pictures differ in all of these, and that says nothing about what they show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace

from models.outlier_scores import Floats, Rows
from study.datasets import Images
from study.views._contract import Look, Seen

__all__ = ["NAMES", "NEEDS", "SPEAKS", "TITLE", "look", "plain_statistics", "reason"]

TITLE = "plain statistics"
NEEDS = "images"
SPEAKS = "when sure"

NAMES = ("sharpness", "contrast", "brightness", "saturation", "entropy", "evenness")
LEAST = np.array([0.15, 0.1, 0.03, 0.02, 0.2, 0.05])
"""Smallest unit of each: 15 % and 10 %, grey levels (1 = white), bits, pixels."""

LOW = ("blurred", "flat", "dark", "pale", "empty or plain", "without even areas")
HIGH = ("noisy or very detailed", "hard", "bright", "colourful", "busy", "partly one even area")
FLOOR = 1e-3
EVEN = 0.5 / 255
CHUNK = 256


def look(seen: Seen, context: Rows) -> Look:
    """Distances in robust standard deviations; parts: signed z of each statistic, (n, 6)."""
    values = plain_statistics(seen.images)
    centre = np.median(values[context], axis=0)
    unit = np.maximum(1.4826 * np.median(np.abs(values[context] - centre), axis=0), LEAST)
    z = (values - centre) / unit
    return Look(np.abs(z).max(axis=1) + FLOOR, parts=np.concatenate([z, values - centre], axis=1))


def reason(seen: Seen, look: Look, row: int) -> str:
    """The statistic that is farthest out, and its value in terms of the folder's median."""
    assert look.parts is not None
    z, difference = look.parts[row, : len(NAMES)], look.parts[row, len(NAMES) :]
    first = int(np.abs(z).argmax())
    if NAMES[first] in ("sharpness", "contrast"):
        value = f"{NAMES[first]} {np.exp(difference[first]):.2g} × the median"
    else:
        value = f"{NAMES[first]} {difference[first]:+.2f} from the median"
    return f"{_cause(z, difference)}: {value}"


def _cause(z: Floats, difference: Floats) -> str:
    """What explains the others comes first: a blank picture is dark, flat and without edges, too."""
    flat = np.exp(difference[1])
    if flat < 0.06:
        return "blank"
    if flat < 0.5 and abs(difference[2]) > 0.15:
        return "dark" if difference[2] < 0 else "overexposed"
    if z[0] < -2 and difference[0] - difference[1] < np.log(0.5):
        return "blurred"
    if z[0] > 2 and difference[0] - difference[1] > np.log(1.5):
        return HIGH[0]
    first = int(np.abs(z).argmax())
    if difference[5] > 0.2 and z[5] > 3:
        first = 5
    return (LOW if z[first] < 0 else HIGH)[first]


def plain_statistics(images: Images) -> Floats:
    """(n, 6), in the order of `NAMES`."""
    chunks = [np.arange(start, min(start + CHUNK, len(images))) for start in range(0, len(images), CHUNK)]
    return np.concatenate([_of(images[rows]) for rows in chunks])


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
