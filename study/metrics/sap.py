"""Separated attribute predictability (Kumar et al. 2018, §3): does one latent alone predict each factor?

    SAP = 1/F Σ_f [a_(1)f − a_(2)f]

a_df the test accuracy of predicting factor v_f from latent z_d alone, (1) and (2) the two best latents.  Range 0 … 1, higher
is better; good representations reach about 0.1, because one threshold per class cannot separate an ordered factor's middle
values.  Cost: 1 s.

As in disentanglement_lib: LinearSVC(C=0.01, class_weight="balanced") on 10,000 train and 5,000 test points, latents *not*
standardised.  So the value depends on the scale of each latent: multiplying the codes by a constant changes it (the penalty
C weighs differently), permuting the latents does not.  Code that fits regressions or standardises reports values near 0.5.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from study.evidence.points import TEST, TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "sap"]

METRIC = Metric(
    family="codes",
    keys=("sap",),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    points=TRAIN + TEST,
    labels=True,
    titles={"sap": "SAP"},
    group="disentanglement",
    speaks=("sap",),
)


def sap(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    test_codes: NDArray[np.floating],
    test_factors: NDArray[np.integer],
) -> float:
    """SAP: fitted on codes (N, D), D ≥ 2, and factors (N, F); scored on others.  Raises `UserError` for broken rules.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> round(sap(own, factors, own, factors), 2), round(sap(mixed, factors, mixed, factors), 2)
    (0.5, 0.04)
    """
    check_codes(codes, factors, least_latents=2)
    check_codes(test_codes, test_factors, least_latents=2)
    pairs = [(d, f) for d in range(codes.shape[1]) for f in range(factors.shape[1])]
    accuracies = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_accuracy)(codes[:, [d]], factors[:, f], test_codes[:, [d]], test_factors[:, f]) for d, f in pairs
    )
    ordered = np.sort(np.reshape(accuracies, (codes.shape[1], factors.shape[1])), axis=0)
    return float(np.mean(ordered[-1] - ordered[-2]))


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"sap": sap(*points.train, *points.test)}


def _accuracy(
    latent: NDArray[np.floating], value: NDArray[np.integer], test_latent: NDArray[np.floating], truth: NDArray[np.integer]
) -> float:
    from sklearn.svm import LinearSVC

    classifier = LinearSVC(C=0.01, class_weight="balanced").fit(latent, value)
    return float(np.mean(classifier.predict(test_latent) == truth))
