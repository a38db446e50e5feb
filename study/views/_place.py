"""Where in a picture something lies, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_of"]


def place_of(values: NDArray[np.floating]) -> str:
    """The ninth of the picture that holds most of `values` (H, W).

    >>> place_of(np.diag([0.0, 0.0, 5.0]))
    'bottom right'
    """
    names = [f"{a} {b}".strip() for a in ("top", "", "bottom") for b in ("left", "", "right")]
    names[4] = "middle"
    cells = [part for band in np.array_split(values, 3) for part in np.array_split(band, 3, axis=1)]
    return names[int(np.argmax([part.mean() if part.size else 0 for part in cells]))]
