"""Pretrained features: the mean distance to the 20 nearest other pictures as a network of ImageNet sees them.

Distances are between directions (unit vectors), so that their squares are 2 − 2 cos: on CIFAR-10 Euclidean distances of the
same features rank no better than pixels (Bergman, Cohen & Hoshen 2020 use them with a large clean reference).

Each feature is divided by the root of its standard deviation in the context, half way to features that count alike: what all
pictures of the folder differ in says little of one.  CIFAR-10, 150 + 5, 46 pairs that nothing was chosen on: .871, with 10
neighbours and undivided .864.
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

K = 20
LEAST = np.float32(0.01)
"""Of the mean spread: a feature that hardly ever speaks must not drown the others."""


def look(seen: Seen, context: Rows) -> Look:
    """Distances between unit vectors, 0 … 2."""
    assert seen.features is not None
    spread = seen.features[context].std(axis=0)
    vectors = seen.features / np.sqrt(spread + LEAST * spread.mean() + np.float32(1e-12))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return compared(vectors / np.maximum(lengths, np.float32(1e-9)), context, K)


def reason(seen: Seen, look: Look, row: int) -> str:
    """How far."""
    times = far_from(look.distances, float(look.distances[row]))
    return (
        f"shows something else: {times:.2f} × as far from its nearest pictures as is usual, to a network that knows photographs"
    )
