"""Pretrained features: the mean distance to the 20 nearest other pictures as a network of ImageNet sees them.

Distances are between directions (unit vectors), so that their squares are 2 − 2 cos: on CIFAR-10 Euclidean distances of the
same features rank no better than pixels (Bergman, Cohen & Hoshen 2020 use them with a large clean reference).

Each feature is divided by the root of its standard deviation in the context, half way to features that count alike: what all
pictures of the folder differ in says little of one.  CIFAR-10, 150 + 5, 46 pairs that nothing was chosen on: .871, with 10
neighbours and undivided .864.

Where a picture differs is read from an earlier scale of the network, which still knows places:

    d(p)² = (f(p) − f̄(p))ᵀ C⁻¹ (f(p) − f̄(p))       f(p): 40 numbers at place p;  f̄: their mean over other pictures

A Gaussian at every place (PaDiM, Defard et al. 2021), whose covariance C is one for all places: with few pictures, or where
most places are empty, one for each place cannot be had.  Measured: `analysis/results`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import zoom

from models.outlier_scores import Floats, Rows
from study.views._contract import Look, Seen, far_from
from study.views._nearest import compared, spread_over

__all__ = ["BRIGHT", "NEEDS", "SPEAKS", "TITLE", "look", "reason", "where"]

TITLE = "what it shows"
NEEDS = "features"
SPEAKS = "always"
BRIGHT = "a network sees what the others have not got there"

K = 20
LEAST = np.float32(0.01)
"""Of the mean spread: a feature that hardly ever speaks must not drown the others."""

FLAT = 0.01
"""Of the mean variance, added to each: a direction that hardly ever varies must not drown the others."""


def look(seen: Seen, context: Rows) -> Look:
    """Distances between unit vectors, 0 … 2."""
    assert seen.features is not None
    spread = seen.features[context].std(axis=0)
    vectors = seen.features / np.sqrt(spread + LEAST * spread.mean() + np.float32(1e-12))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    look = compared(vectors / np.maximum(lengths, np.float32(1e-9)), context, K)
    return replace(look, some=spread_over(np.unique(context)))


def reason(seen: Seen, look: Look, row: int) -> str:
    """How far."""
    times = far_from(look.distances, float(look.distances[row]))
    return (
        f"shows something else: {times:.2f} × as far from its nearest pictures as is usual, to a network that knows photographs"
    )


def where(seen: Seen, look: Look, row: int) -> Floats | None:
    """How unlike other pictures it is at each place beyond what is usual, (H, W); None without a network that has maps.

    d(p) / √40 − 1, at least 0: the root mean square of d(p) over ordinary places is √40.
    """
    if seen.network is None or look.some is None:
        return None
    mine, others = (seen.maps(rows).astype(np.float64) for rows in (np.array([row]), look.some[look.some != row]))
    usual = others.mean(axis=0)
    rest = (others - usual).swapaxes(0, 1).reshape(len(usual), -1)
    covariance = rest @ rest.T / rest.shape[1]
    covariance += FLAT * np.trace(covariance) / len(usual) * np.eye(len(usual)) + 1e-12 * np.eye(len(usual))
    difference = (mine[0] - usual).reshape(len(usual), -1)
    squared = (difference * np.linalg.solve(covariance, difference)).sum(axis=0).reshape(usual.shape[1:])
    sides = [wanted / found for wanted, found in zip(seen.images.image_shape[1:], squared.shape, strict=True)]
    beyond = np.maximum(np.sqrt(squared / len(usual)) - 1, 0)
    return np.asarray(zoom(beyond, sides, order=1, mode="nearest", grid_mode=True))
