"""Isolation forest on mu (Liu et al. 2008), 100 trees, scikit-learn's defaults.

Random splits of the axes isolate odd pictures early.  Each picture is scored by trees that may have seen it.
"""

from __future__ import annotations

from sklearn.ensemble import IsolationForest

from models.outlier_scores._contract import Batch, Rows, Scores, canonical_order

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """0 … 1, about ½ for ordinary pictures."""
    mu = batch.mu[context]
    forest = IsolationForest(random_state=0).fit(mu[canonical_order(mu)])
    return Scores(-forest.score_samples(batch.mu))
