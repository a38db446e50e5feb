"""k-nearest-neighbour accuracy on codes: are images of one class close to each other in latent space?

The test accuracy of scikit-learn's 10-nearest-neighbour vote, Euclidean distance between encoder means, mean over factors; with
class labels, those are the one factor.  Range 0 … 1, higher is better; guessing gives the share of the most frequent
class.  Cost: 1 s.

10,000 train and 5,000 test points.  Codes are not standardised: the prior gives all latents one scale, and a latent that is
not used stays near 0 and adds no distance.  Unchanged by permuting or rotating latents and by one common scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.evidence.points import TEST, TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "knn"]

METRIC = Metric(
    family="codes",
    keys=("knn_accuracy",),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    points=TRAIN + TEST,
    labels=True,
)


def knn(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    test_codes: NDArray[np.floating],
    test_factors: NDArray[np.integer],
    neighbours: int = 10,
) -> float:
    """Accuracy: neighbours among codes (N, D) with factors (N, F), scored on others.  Raises `UserError` for broken rules.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> round(knn(own, factors, own, factors), 2), round(knn(own[:, :1], factors, own[:, :1], factors), 2)
    (0.99, 0.44)
    """
    from sklearn.neighbors import KNeighborsClassifier

    check_codes(codes, factors, least_points=neighbours)
    check_codes(test_codes, test_factors)
    target = factors[:, 0] if factors.shape[1] == 1 else factors
    predicted = KNeighborsClassifier(neighbours, n_jobs=-1).fit(codes, target).predict(test_codes)
    return float(np.mean(predicted.reshape(test_factors.shape) == test_factors))


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"knn_accuracy": knn(*points.train, *points.test)}
