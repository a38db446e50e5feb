"""Local outlier factor on mu (Breunig et al. 2000), 20 neighbours or as many as the batch has."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.neighbors import LocalOutlierFactor

from models.outlier_scores._contract import Batch, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """The factor: about 1 inside a cluster, more outside.  Members of the context are scored without themselves."""
    values = _factor(batch, context, novelty=True) if len(np.unique(context)) < len(batch) else np.empty(len(batch))
    values[context] = _factor(batch, context, novelty=False)
    return Scores(values)


def _factor(batch: Batch, context: Rows, novelty: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    model = LocalOutlierFactor(n_neighbors=min(20, len(context) - 1), novelty=novelty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicates make densities infinite; scikit-learn warns and stays finite
        model.fit(batch.mu[context])
    values = -model.score_samples(batch.mu) if novelty else -model.negative_outlier_factor_
    return np.asarray(values, dtype=np.float64)
