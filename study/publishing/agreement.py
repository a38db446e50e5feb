"""Do two faces of one model rank alike?  A published model must give the scores and the order that it was measured with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec
from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE, Batch, Floats, score_batch

__all__ = ["TOLERANCE", "Agreement", "check_agreement", "score_agreement"]

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """How far two rankings of the same pictures agree.

    largest_difference   of any picture's score, relative to the larger of 1 and the score
    same_order           of all pictures whose scores differ by more than `TOLERANCE` (equal pictures may change places)
    """

    largest_difference: float
    same_order: bool

    @property
    def holds(self) -> bool:
        """Within `TOLERANCE`, and the same order."""
        return self.largest_difference <= TOLERANCE and self.same_order


def check_agreement(one: Codec, other: Codec, images: NDArray[np.uint8]) -> None:
    """Raises `UserError` when two faces of one model do not rank these images alike.  Fewer than 3 images: nothing to rank."""
    if len(images) < 3:
        return
    found = score_agreement(one, other, images)
    if not found.holds:
        order = "in the same order" if found.same_order else "in another order"
        raise UserError(f"outlier scores must agree to {TOLERANCE:g}, but differ by {found.largest_difference:.2g}, {order}")


def score_agreement(one: Codec, other: Codec, images: NDArray[np.uint8], score: str = DEFAULT_SCORE) -> Agreement:
    """Rank one batch of images (N, C, H, W) through both; a score of the latents alone, in float64 from float32 codes."""
    mine, theirs = (_scores(codec, images, score) for codec in (one, other))
    scale = np.maximum(1, np.abs(mine))
    above = mine[:, None] - mine[None, :] > TOLERANCE * scale[:, None]
    swapped = above & (theirs[:, None] < theirs[None, :])
    return Agreement(float((np.abs(mine - theirs) / scale).max()), not swapped.any())


def _scores(codec: Codec, images: NDArray[np.uint8], score: str) -> Floats:
    mu, logvar = codec.encode(images)
    return score_batch(score, Batch(mu.astype(np.float64), logvar.astype(np.float64))).values
