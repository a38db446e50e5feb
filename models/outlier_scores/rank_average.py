"""Average of the ranks under four different views of the batch.

    score(x) = mean over members of rank(x) / n       members: contrast, mahalanobis, knn, cleanlab_knn

No single detector wins everywhere (Goldstein & Uchida 2016; Campos et al. 2016); averaging ranks needs no common scale.
"""

from __future__ import annotations

import numpy as np
import scipy

from models.outlier_scores._contract import Batch, Rows, Scores, score_batch

__all__ = ["CONTEXT", "COST", "MEMBERS", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"
MEMBERS = ("contrast", "mahalanobis", "knn", "cleanlab_knn")


def score(batch: Batch, context: Rows) -> Scores:
    """0 … 1, ties averaged."""
    ranks = [scipy.stats.rankdata(score_batch(member, batch, context).values) for member in MEMBERS]
    return Scores(np.mean(ranks, axis=0) / len(batch))
