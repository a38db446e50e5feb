"""Latents: the outlier score `contrast` of what a VAE makes of the pictures (`models.outlier_scores.contrast`).

A published model knows its kind of picture from many; one trained on the folder itself knows little more than the folder, and
its ranks depend on the seed, so none is trained unless it is asked for.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores import DEFAULT_SCORE, Rows, score_batch
from study.views._contract import Look, Seen

__all__ = ["NEEDS", "SPEAKS", "TITLE", "look", "reason"]

TITLE = "latents"
NEEDS = "codes"
SPEAKS = "always"


def look(seen: Seen, context: Rows) -> Look:
    """Distances: exp of half the score, whose logarithm is the score again."""
    assert seen.codes is not None
    scores = score_batch(DEFAULT_SCORE, seen.codes, context)
    middle = np.median(scores.values[context])
    return Look(np.exp(np.clip((scores.values - middle) / 2, -300, 300)), parts=scores.naming)


def reason(seen: Seen, look: Look, row: int) -> str:
    """The latent that is the most unusual by itself."""
    assert look.parts is not None
    return f"unusual to the model, most in latent {int(look.parts[row].argmax())}"
