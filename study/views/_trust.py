"""How far each view is trusted with a folder, read from the folder itself.

    w = (1 − R²)² · s(A)          .01 … 1,    s(A) = (A − .65) / .2, between 0 and 1

    R²   the adjusted share of the variance of the view's log distances that the pictures alone explain, by a linear regression on
         each picture's own plain statistics
    A    how well another view agrees on who is near whom, the best of them: the share of pictures that are farther in the one
         view than the 5 nearest of the other, among at most 200 (1/2 is chance).  Views of features or codes have learnt
         elsewhere what pictures show: s = 1 for them, and where there is no other view

A view is there to compare pictures.  Where its distances follow from each picture alone (among photographs the distance in
pixels is little more than the contrast), it knows nothing about the folder; and what two ways to look at grey levels do not agree
on is texture and chance.  Measured, folders of 30 to 200:

                                  digits       dSprites     photographs
    R²  pixels                     .35                         .72
        outlines                   .20                         .47 (.10 among ships)
        features                   .16                         .11
    A   pixels with outlines       .84–.96      .82–.97        .59–.62
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.outlier_scores import Floats, Rows
from study.views._contract import Look, needed

__all__ = ["trusts"]

LEAST = 0.01
NO_AGREEMENT, FULL_AGREEMENT = 0.65, 0.85
NEAR = 5


def trusts(logs: Mapping[str, Floats], looks: Mapping[str, Look], plain: Floats, context: Rows) -> dict[str, float]:
    """By view.  logs: log distances (n,); plain: (n, 6)."""
    found = {}
    for name, values in logs.items():
        others = [looks[other] for other in logs if other != name]
        heard = _agreed(looks[name], others) if needed(name) == "images" else 1.0
        found[name] = max(LEAST, (1 - _explained(values[context], plain[context])) ** 2 * heard)
    return found


def _agreed(look: Look, others: list[Look]) -> float:
    """s(A)."""
    mine, theirs = look.among, [other.among for other in others if other.among is not None]
    if mine is None or not theirs:
        return 1.0
    best = max((_agreement(mine, other) + _agreement(other, mine)) / 2 for other in theirs)
    return float(np.clip((best - NO_AGREEMENT) / (FULL_AGREEMENT - NO_AGREEMENT), 0, 1))


def _agreement(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Share of pictures that are farther in view b than the 5 nearest of view a."""
    others = ~np.eye(len(a), dtype=bool)
    nearest = np.where(others, a, np.inf).argsort(axis=1)[:, : min(NEAR, len(a) - 1)]
    limits = np.take_along_axis(b, nearest, axis=1)
    farther = np.where(others, b, -np.inf)[:, None, :] > limits[:, :, None]
    return float(farther.sum(axis=2).mean() / max(1, len(a) - 2))


def _explained(values: Floats, causes: Floats) -> float:
    """Adjusted R² of a linear regression, 0 … 1; 0 where there are too few values to tell."""
    n, spread = len(values), float(values.var())
    design = np.column_stack([np.ones(n), causes])
    if n <= design.shape[1] + 2 or spread < 1e-12:
        return 0.0
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(np.clip(1 - float(rest.var()) / spread * (n - 1) / (n - design.shape[1]), 0, 1))
