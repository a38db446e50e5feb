"""Pixels: the mean distance to the 10 nearest other pictures, point by point, at most 32 pixels wide.

The best view of pictures that lie on top of each other (digits, scans, parts under a fixed camera), and a poor one of
photographs, where every picture is about as far from every other.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from models.outlier_scores import Floats, Rows
from study.views._contract import Look, Seen, far_from
from study.views._nearest import compared
from study.views._place import place_of

__all__ = ["BRIGHT", "NEEDS", "SPEAKS", "TITLE", "look", "reason", "where"]

TITLE = "pixels"
NEEDS = "images"
SPEAKS = "always"
BRIGHT = "none of those nearest in pixels is like it"


def look(seen: Seen, context: Rows) -> Look:
    """Distances in grey levels (1 = white), root mean square over the picture."""
    points = seen.small.reshape(len(seen), -1)
    return compared(points, context, unit=float(np.sqrt(points.shape[1])))


def reason(seen: Seen, look: Look, row: int) -> str:
    """How far, and where in the picture it is unlike its nearest."""
    times = far_from(look.distances, float(look.distances[row]))
    place = place_of(where(seen, look, row))
    return f"{times:.1f} × as far from its nearest pictures as is usual, point by point, most at the {place}"


def where(seen: Seen, look: Look, row: int) -> Floats:
    """How unlike every one of its nearest pictures it is there, (H, W): the smallest squared difference, smoothed over 1/16.

    The difference to their mean points to the right place less often: each of them has edges of its own.
    """
    assert look.nearest is not None
    picture = seen.images[np.array([row])][0].astype(np.float64) / 255
    others = seen.images[look.nearest[row]] / 255
    smallest = ((others - picture) ** 2).mean(axis=1).min(axis=0)
    return np.asarray(gaussian_filter(smallest, max(smallest.shape) / 16))
