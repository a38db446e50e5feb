"""Outlier scores by name.  One file a score, NumPy, SciPy and scikit-learn only, each with

    NEEDS: tuple                       what it reads beside the latents: "pixels", "reconstructions"
    CONTEXT: bool                      whether it looks at the rest of the batch
    COST: str                          "linear" or "pairs", in the number of pictures
    score(batch, context) -> Scores    one number a picture, higher = odder

See `models/outlier_scores/_contract.py` for what these are.  Which score is the default, and the measurements behind that choice,
are in `study.batchrank`.
"""

from models.outlier_scores._contract import (
    DEFAULT_SCORE,
    SCORES,
    Batch,
    Floats,
    Rows,
    Scores,
    is_linear,
    needs,
    score_batch,
)
from models.outlier_scores._robust import aggregate_moments
from models.outlier_scores._tail import ENOUGH, stands_out

__all__ = [
    "DEFAULT_SCORE",
    "ENOUGH",
    "SCORES",
    "Batch",
    "Floats",
    "Rows",
    "Scores",
    "aggregate_moments",
    "is_linear",
    "needs",
    "score_batch",
    "stands_out",
]
