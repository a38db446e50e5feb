"""Explicitness (Ridgeway & Mozer 2018, §3): can a linear classifier read each factor from all latents together?

    1/F Σ_f mean over values k of ROC-AUC(p(v_f = k | z), v_f = k)

Range 0 … 1, chance 0.5, higher is better.  Cost: 1 s.

As in disentanglement_lib: a multinomial logistic regression (C = 1, L-BFGS, at most 100 iterations) for each factor on
10,000 train points, latents standardised with the train part's mean and deviation, AUC on 5,000 test points.  Differs in
two cases where that code fails: a constant latent stays 0 (there: NaN), and values that either part lacks are left
out of the mean.  Unchanged by permuting latents, and by scaling or shifting each of them.
"""

from __future__ import annotations

import warnings

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from study.evidence.points import TEST, TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "explicitness"]

METRIC = Metric(
    family="codes",
    keys=("explicitness",),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    points=TRAIN + TEST,
    labels=True,
    group="disentanglement",
)


def explicitness(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    test_codes: NDArray[np.floating],
    test_factors: NDArray[np.integer],
) -> float:
    """Explicitness: fitted on codes (N, D) and factors (N, F), scored on others.  Raises `UserError` for broken rules.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> explicitness(own, factors, own, factors), explicitness(mixed, factors, mixed, factors)  # mixing is no loss
    (1.0, 1.0)
    >>> round(explicitness(own[:, :1], factors, own[:, :1], factors), 2)  # two of three factors are at chance
    0.67
    """
    from sklearn.preprocessing import StandardScaler

    check_codes(codes, factors)
    check_codes(test_codes, test_factors)
    scaler = StandardScaler().fit(codes)
    train, test = scaler.transform(codes), scaler.transform(test_codes)
    with threadpool_limits(1):  # one factor a core: small matrices on all cores at once take four times as long
        scores = Parallel(n_jobs=-1, prefer="threads")(
            delayed(_auc)(train, value, test, truth) for value, truth in zip(factors.T, test_factors.T, strict=True)
        )
    return float(np.mean(scores))


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"explicitness": explicitness(*points.train, *points.test)}


def _auc(
    train: NDArray[np.floating], value: NDArray[np.integer], test: NDArray[np.floating], truth: NDArray[np.integer]
) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 iterations are the protocol
        classifier = LogisticRegression().fit(train, value)
    chances = classifier.predict_proba(test)
    known = [(column, k) for column, k in enumerate(classifier.classes_) if k in truth]
    return float(np.mean([roc_auc_score(truth == k, chances[:, column]) for column, k in known]))
