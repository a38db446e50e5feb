"""Which scores of a batch stand out, judged by nothing but the batch itself.

This is a convention, not a test: how heavy the tail of ordinary pictures is differs between data sets, and one batch cannot
tell.  BatchRank's clean cells measure how often the rule alarms without cause; where clean pictures are at hand, conformal
p-values (`analysis.ranking.rank_batch`) are better in every way.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from models.outlier_scores._contract import Floats

__all__ = ["ENOUGH", "stands_out"]

ENOUGH = 32
"""Fewer pictures cannot show what an ordinary tail looks like: on clean batches of 16 the rule below alarms several times
as often as it should."""


def stands_out(values: Floats, alarm: float = 0.05) -> NDArray[np.bool_]:
    """Which scores lie beyond the tail that the batch's own scores suggest, (n,).

    Scores here are squared distances, so their roots fall off about like a Gaussian above the median.  The 90 % quantile
    says how fast; the threshold is where the largest of n such scores would be exceeded with probability `alarm`:

        s > s₅₀ + (s₉₀ − s₅₀) · (z(1 − alarm/n) / z(0.9))²
    """
    if len(values) < ENOUGH or np.ptp(values) == 0:
        return np.zeros(len(values), dtype=bool)
    middle, upper = np.quantile(values, (0.5, 0.9))
    reach = (scipy.special.ndtri(alarm / len(values)) / scipy.special.ndtri(0.1)) ** 2
    return np.asarray(values > middle + (upper - middle) * reach)
