"""Pretrained features: the mean distance to the 10 nearest other pictures as a network of ImageNet sees them.

Distances are between directions (unit vectors), so that their squares are 2 − 2 cos: on CIFAR-10 Euclidean distances of the
same features rank no better than pixels (Bergman, Cohen & Hoshen 2020 use them with a large clean reference).
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores import Rows
from study.views._contract import Look, Seen, far_from
from study.views._nearest import compared

__all__ = ["NEEDS", "SPEAKS", "TITLE", "look", "reason"]

TITLE = "what it shows"
NEEDS = "features"
SPEAKS = "always"


def look(seen: Seen, context: Rows) -> Look:
    """Distances between unit vectors, 0 … 2."""
    assert seen.features is not None
    lengths = np.linalg.norm(seen.features, axis=1, keepdims=True)
    return compared(seen.features / np.maximum(lengths, np.float32(1e-9)), context)


def reason(seen: Seen, look: Look, row: int) -> str:
    """How far."""
    times = far_from(look.distances, float(look.distances[row]))
    return (
        f"shows something else: {times:.2f} × as far from its nearest pictures as is usual, to a network that knows photographs"
    )
