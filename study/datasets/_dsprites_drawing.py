"""dSprites drawn from its geometry (Matthey et al. 2017, measured on the published pictures).

Pixel centres lie at i + ½ and y points down; nothing is anti-aliased.  A shape is a closed outline (u, v) in pixels at
scale 1.  With scale s, orientation φ and centre c = 16 + 32·position it lies at

    x = c_x + s·(cos φ·u + sin φ·v),   y = c_y + s·(cos φ·v − sin φ·u)

and a pixel is set when its centre is inside.  The outlines:

    square    max(|u|, |v|) = 9.598
    ellipse   (u/12.766)² + (v/7.2135)² = 1
    heart     u = 9.594·sin³t,  v = −0.6622·(13cos t − 5cos 2t − 2cos 3t − cos 4t) − 1.4365

These numbers were fitted to the 258 different pictures of the published animation (all scales, all orientations at
scale 1, the heart's way along the border): 257 are equal, one heart lacks 2 of 182 pixels.  Fitted to the even
orientations of the ellipse alone, its odd ones come out equal too, so the outlines are those of the published set.

Every outline becomes a polygon, filled by the even-odd rule along scan lines: a row of 64 pixels is one 64-bit word, and
each crossing of the outline flips all pixels left of it.  The crossings depend on the centre's y only and the words on its
x only, so all 32×32 positions of one shape, scale and orientation are drawn at once, exactly, in about 4 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS_AT_ONCE", "GEOMETRY", "POSITIONS", "ROTATIONS", "SCALES", "SHAPES", "draw_all", "draw_positions"]

Outline = NDArray[np.float64]  # (V, 2): corners u, v of a closed polygon, in pixels at scale 1

GEOMETRY = 3  # raised whenever a pixel of the drawing or its digest changes, so that older caches are drawn again
SIDE = 64  # pixels
CORNERS = 512  # of a curved outline: the polygon is within 0.0003 pixels of the curve
SCALES = np.linspace(0.5, 1, 6)
ROTATIONS = np.linspace(0, 2 * np.pi, 40)  # radians, both ends in: index 0 and 39 are the same picture
POSITIONS = np.linspace(0, 1, 32)
CELLS_AT_ONCE = len(POSITIONS) ** 2


def _square() -> Outline:
    return 9.598 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _ellipse() -> Outline:
    t = np.arange(CORNERS) * 2 * np.pi / CORNERS
    return np.stack([12.766 * np.cos(t), 7.2135 * np.sin(t)], axis=1)


def _heart() -> Outline:
    t = np.arange(CORNERS) * 2 * np.pi / CORNERS
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([9.594 * np.sin(t) ** 3, -0.6622 * height - 1.4365], axis=1)


SHAPES: dict[str, Callable[[], Outline]] = {"square": _square, "ellipse": _ellipse, "heart": _heart}

# _LEFT_OF[k] is a row whose first k pixels are set; the first pixel is the highest bit, as `numpy.unpackbits` reads it.
_LEFT_OF = np.array([((1 << k) - 1) << (SIDE - k) for k in range(SIDE + 1)], dtype=np.uint64)


def draw_all() -> Iterator[NDArray[np.uint8]]:
    """The whole grid in order, 1024 pictures at a time: bits (1024, 512) for each shape, scale and orientation."""
    for outline in SHAPES.values():
        corners = outline()
        for scale in SCALES:
            for rotation in ROTATIONS:
                yield draw_positions(corners, float(scale), float(rotation))


def draw_positions(outline: Outline, scale: float, rotation: float) -> NDArray[np.uint8]:
    """One outline at all positions: bits (32·32, 512), position x first, y fastest."""
    centres = 16 + 32 * POSITIONS
    rows, crossings = _crossings(_place(outline, scale, rotation), centres)

    # A pixel is left of a crossing at x when its centre i + ½ < x.
    left = np.clip(np.ceil(crossings[:, None] + centres - 0.5), 0, SIDE).astype(np.intp)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    words = np.zeros((len(centres) * SIDE, len(centres)), dtype=">u8")
    words[rows[starts]] = np.bitwise_xor.reduceat(_LEFT_OF[left], starts, axis=0)

    by_position = words.reshape(len(centres), SIDE, len(centres)).transpose(2, 0, 1)  # x, y, row
    return np.ascontiguousarray(by_position).view(np.uint8).reshape(CELLS_AT_ONCE, -1)


def _place(outline: Outline, scale: float, rotation: float) -> Outline:
    u, v = outline.T
    cos, sin = np.cos(rotation), np.sin(rotation)
    return scale * np.stack([cos * u + sin * v, cos * v - sin * u], axis=1)


def _crossings(outline: Outline, centres: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where scan lines cross the outline: row numbers (J,), ascending, and x relative to the centre (J,).

    Row number 64·p + i is the scan line i of a picture whose centre is at centres[p].
    """
    x, y = outline.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    heights = (np.arange(SIDE) + 0.5 - centres[:, None]).reshape(-1, 1)  # of the scan lines, relative to the centre
    rows, edges = np.nonzero((y <= heights) != (next_y <= heights))
    slope = (next_x[edges] - x[edges]) / (next_y[edges] - y[edges])
    return rows, x[edges] + (heights[rows, 0] - y[edges]) * slope
