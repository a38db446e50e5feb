"""Disentanglement, completeness, informativeness with a small neural network (Eastwood et al. 2023, DCI-ES).

Formulas: `study.metrics._dci`, with R_df the permutation importance of latent d for factor f: how much shuffling z_d raises the
test cross-entropy of a network that predicts v_f (never below 0).  Range of each 0 … 1, higher is better.  Cost: minutes.

DCI-ES asks what a *probe* can get out of a code, and finds that a linear or neural probe ranks representations differently from
trees: trees cut along axes and so read rotated codes badly, networks don't.  Here: one hidden layer of 64 ReLU, scikit-learn's
MLPClassifier, Adam, 40 passes, standardised codes, 10,000 train and 5,000 test points; torch's networks of the same kind give
values within .03.  Not taken over: its explicitness and size, which need probes of many capacities.  Compare `dci_mlp` only with
`dci_mlp`.  Unchanged by permuting, scaling and shifting latents.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from study.evidence.points import TEST, TRAIN, Points, check_codes
from study.metrics._dci import DCI, dci_of
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "dci_mlp"]

METRIC = Metric(
    family="codes",
    keys=("dci_mlp_disentanglement", "dci_mlp_completeness", "dci_mlp_informativeness"),
    direction="maximize",
    range=(0, 1),
    cost="minutes",
    points=TRAIN + TEST,
    least_factors=2,
    titles={
        "dci_mlp_disentanglement": "DCI MLP disentanglement",
        "dci_mlp_completeness": "DCI MLP completeness",
        "dci_mlp_informativeness": "DCI MLP informativeness",
    },
    group="disentanglement",
)
HIDDEN, PASSES, SHUFFLES = 64, 40, 3

Floats = NDArray[np.floating]


def dci_mlp(
    codes: Floats, factors: NDArray[np.integer], test_codes: Floats, test_factors: NDArray[np.integer], seed: int = 0
) -> DCI:
    """DCI: fitted on codes (N, D), D ≥ 2, and factors (N, F), F ≥ 2; scored on others.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(640) % 64, (4, 4, 4)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> [round(value, 1) for value in dci_mlp(own, factors, own, factors)]
    [1.0, 1.0, 1.0]
    """
    from sklearn.preprocessing import StandardScaler

    check_codes(codes, factors, least_latents=2, least_factors=2)
    check_codes(test_codes, test_factors, least_latents=2, least_factors=2)
    order = np.argsort(codes.std(axis=0), kind="stable")  # a network's start knows its inputs by place: permuting changes nothing
    scaler = StandardScaler().fit(codes[:, order])
    train, test = (scaler.transform(each[:, order]) for each in (codes, test_codes))
    fits = [_fit(train, value, test, truth, seed) for value, truth in zip(factors.T, test_factors.T, strict=True)]
    importances, accuracies = zip(*fits, strict=True)
    return dci_of(np.stack(importances, axis=1), np.array(accuracies))


def compute(points: Points, seed: int) -> dict[str, float]:
    found = dci_mlp(*points.train, *points.test, seed)
    return {f"dci_mlp_{name}": value for name, value in found._asdict().items()}


def _fit(
    codes: Floats, value: NDArray[np.integer], test_codes: Floats, truth: NDArray[np.integer], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Importances (D,), nats, and test accuracy."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((HIDDEN,), max_iter=PASSES, learning_rate_init=3e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many passes, whatever is left to gain
        model.fit(codes, value)
    known = np.isin(truth, model.classes_)  # a value without a train point cannot be predicted: it counts as an error only
    seen, codes = truth[known], test_codes[known]

    def loss(inputs: Floats) -> float:
        return float(log_loss(seen, model.predict_proba(inputs), labels=model.classes_))

    generator, plain = np.random.default_rng(seed), loss(codes)
    orders = [generator.permutation(len(codes)) for _ in range(SHUFFLES)]
    importances = np.empty(codes.shape[1])
    for latent in range(codes.shape[1]):
        shuffled = [np.where(np.arange(codes.shape[1]) == latent, codes[order], codes) for order in orders]
        importances[latent] = max(0.0, float(np.mean([loss(inputs) for inputs in shuffled])) - plain)
    return importances, float(model.score(test_codes, truth))
