"""Pictures as small arrays: blocks of pixels averaged until a picture is at most 32 wide.  What views of pixels look at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from study.datasets import Images

__all__ = ["shrunk"]

WIDE = 32
CHUNK = 256


def shrunk(images: Images) -> Iterator[NDArray[np.float32]]:
    """Chunks (c, C, h, w) in [0, 1], h and w at most 32."""
    _, height, width = images.image_shape
    by = max(1, -(-max(height, width) // WIDE))
    for start in range(0, len(images), CHUNK):
        x = images[np.arange(start, min(start + CHUNK, len(images)))].astype(np.float32) / np.float32(255)
        x = x[..., : max(height // by * by, by), : max(width // by * by, by)]
        n, channels, h, w = x.shape
        if h >= by and w >= by:
            x = x.reshape(n, channels, h // by, by, w // by, by).mean(axis=(3, 5))
        yield x
