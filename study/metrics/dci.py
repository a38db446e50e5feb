"""Disentanglement, completeness, informativeness with gradient-boosted trees (Eastwood & Williams 2018).

Formulas: `study.metrics._dci`.  Range of each 0 … 1, higher is better.  Cost: minutes; on dSprites it grows 11,300 trees (100 for
each of the 113 factor values).  `dci_forest` takes seconds, but gives other numbers.

As in disentanglement_lib: scikit-learn's GradientBoostingClassifier with its defaults (100 rounds, depth 3, learning rate
0.1), one for each factor, 10,000 train and 5,000 test points.  Factors are fitted on all cores, those with most values
first.  Unchanged by permuting latents, by scaling them, and by any other increasing map of each, up to the trees' ties.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from study.evidence.points import TEST, TRAIN, Points, check_codes
from study.metrics._dci import DCI, dci_of
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "dci"]

METRIC = Metric(
    family="codes",
    keys=("dci_disentanglement", "dci_completeness", "dci_informativeness"),
    direction="maximize",
    range=(0, 1),
    cost="minutes",
    points=TRAIN + TEST,
    least_factors=2,
    titles={
        "dci_disentanglement": "DCI disentanglement",
        "dci_completeness": "DCI completeness",
        "dci_informativeness": "DCI informativeness",
    },
    group="disentanglement",
    speaks=("dci_disentanglement",),
)


def dci(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    test_codes: NDArray[np.floating],
    test_factors: NDArray[np.integer],
    seed: int = 0,
) -> DCI:
    """DCI: fitted on codes (N, D), D ≥ 2, and factors (N, F), F ≥ 2; scored on others.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> [round(value, 2) for value in dci(own, factors, own, factors)]
    [1.0, 1.0, 1.0]
    """
    check_codes(codes, factors, least_latents=2, least_factors=2)
    check_codes(test_codes, test_factors, least_latents=2, least_factors=2)
    values = [len(np.unique(column)) for column in factors.T]
    order = np.argsort(values)[::-1]  # the longest fit first, so that no core idles at the end
    fits = Parallel(n_jobs=-1, prefer="threads")(
        delayed(_fit)(codes, factors[:, f], test_codes, test_factors[:, f], seed) for f in order
    )
    importances, accuracies = zip(*(fits[i] for i in np.argsort(order)), strict=True)
    return dci_of(np.stack(importances, axis=1), np.array(accuracies))


def compute(points: Points, seed: int) -> dict[str, float]:
    found = dci(*points.train, *points.test, seed)
    return {f"dci_{name}": value for name, value in found._asdict().items()}


def _fit(
    codes: NDArray[np.floating],
    value: NDArray[np.integer],
    test_codes: NDArray[np.floating],
    truth: NDArray[np.integer],
    seed: int,
) -> tuple[NDArray[np.float64], float]:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(random_state=seed).fit(codes, value)
    return model.feature_importances_, float(model.score(test_codes, truth))
