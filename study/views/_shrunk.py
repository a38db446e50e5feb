"""Pictures as small arrays: blocks of pixels averaged until a picture is at most 32 wide.  What views of pixels look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.outlier_scores import Rows
from study.datasets import Images
from study.views._blocks import in_blocks

__all__ = ["CHUNK", "shrunk"]

WIDE = 32
CHUNK = 256


def shrunk(images: Images) -> NDArray[np.float32]:
    """All pictures, (n, C, h, w) in [0, 1], h and w at most 32."""
    channels, height, width = images.image_shape
    by = max(1, -(-max(height, width) // WIDE))
    down, across = min(by, height), min(by, width)  # of a block; what is left at the edges is cut off
    small = np.empty((len(images), channels, height // down, width // across), np.float32)

    def shrink(rows: Rows) -> None:
        x = images[rows][..., : height // down * down, : width // across * across]
        total = np.zeros((len(rows), *small.shape[1:]), np.float32)
        for i in range(down):
            for j in range(across):
                total += x[..., i::down, j::across]
        small[rows] = total / np.float32(255 * down * across)

    in_blocks(len(images), CHUNK, shrink)
    return small
