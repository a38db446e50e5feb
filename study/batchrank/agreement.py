"""Do two faces of one model rank alike?  A published model must give the scores and the order that it was measured with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec
from models.outlier_score import DEFAULT_SCORE, Batch, Floats, score_batch

__all__ = ["TOLERANCE", "Agreement", "score_agreement"]

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """largest_difference: of any picture's score, relative to the larger of 1 and the score.  same_order: of all pictures."""

    largest_difference: float
    same_order: bool

    @property
    def holds(self) -> bool:
        """Within `TOLERANCE`, and the same order."""
        return self.largest_difference <= TOLERANCE and self.same_order


def score_agreement(one: Codec, other: Codec, images: NDArray[np.uint8], score: str = DEFAULT_SCORE) -> Agreement:
    """Rank one batch of images (N, C, H, W) through both; a score of the latents alone, in float64 from float32 codes."""
    mine, theirs = (_scores(codec, images, score) for codec in (one, other))
    difference = np.abs(mine - theirs) / np.maximum(1, np.abs(mine))
    same = np.array_equal(np.argsort(-mine, kind="stable"), np.argsort(-theirs, kind="stable"))
    return Agreement(float(difference.max()), bool(same))


def _scores(codec: Codec, images: NDArray[np.uint8], score: str) -> Floats:
    mu, logvar = codec.encode(images)
    return score_batch(score, Batch(mu.astype(np.float64), logvar.astype(np.float64))).values
