"""InfoMEC (Hsu et al. 2023, Disentanglement via Latent Quantization, §5): modularity, explicitness, compactness in information.

With R (F, D) = I(v_f; z_d) / H(v_f), over the D latents that move:

    infomec_m   InfoM = (mean_d [max_f R_fd / Σ_f R_fd] − 1/F) / (1 − 1/F)        one factor per latent?
    infomec_c   InfoC = (mean_f [max_d R_fd / Σ_d R_fd] − 1/D) / (1 − 1/D)        one latent per factor?
    infomec_e   InfoE = mean_f [1 − H_V(v_f | z) / H_V(v_f)]                       how much does a linear reader get?

H_V is the cross-entropy of a logistic regression, H_V(v_f) without any input (predictive V-information, Xu et al.  2020).
Range of each 0 … 1, higher is better.  Cost: minutes on a busy core (8 s for dSprites).

The information is the nearest-neighbour estimate of a discrete with a continuous variable (Ross 2014, k = 10; scikit-learn's
`mutual_info_classif`), so outliers and scales do not matter as they do for the binned `mig`.  As published: codes standardised,
no penalty, balanced classes, fitted and scored on the same points, and for InfoM and InfoC latents whose range is at most a
twentieth of the widest do not count.  Here: 5,000 points.  With one latent in use InfoC is 0, with none all are.  Unchanged by
permuting latents.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.evidence.information import entropies
from study.evidence.points import Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "InfoMEC", "compute", "infomec"]

POINTS, NEIGHBOURS, IN_USE = 5_000, 10, 1 / 20

METRIC = Metric(
    family="codes",
    keys=("infomec_m", "infomec_e", "infomec_c"),
    direction="maximize",
    range=(0, 1),
    cost="minutes",
    points=POINTS,
    least_factors=2,
    titles={"infomec_m": "InfoM", "infomec_e": "InfoE", "infomec_c": "InfoC"},
    group="disentanglement",
    speaks=("infomec_m",),
)


class InfoMEC(NamedTuple):
    """Modularity, explicitness, compactness; each in 0 … 1, higher is better."""

    m: float
    e: float
    c: float


def infomec(codes: NDArray[np.floating], factors: NDArray[np.integer], seed: int = 0) -> InfoMEC:
    """InfoMEC of codes (N, D) and integer factors (N, F), F ≥ 2.  seed: of the noise that breaks ties between neighbours.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(1000) % 216, (6, 6, 6)), axis=1)
    >>> own = factors + np.random.default_rng(0).normal(0, 0.1, factors.shape)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> [round(value, 1) for value in infomec(own, factors)], [round(value, 1) for value in infomec(mixed, factors)]
    ([1.0, 1.0, 1.0], [0.1, 1.0, 0.5])
    """
    from sklearn.preprocessing import StandardScaler

    check_codes(codes, factors, least_factors=2)
    width = np.ptp(codes, axis=0)
    used = width > IN_USE * width.max()
    if not used.any():
        return InfoMEC(0.0, 0.0, 0.0)
    standard = StandardScaler().fit_transform(np.asarray(codes, np.float64))
    information = np.stack([_information(standard[:, used], factor, seed) for factor in factors.T])
    shares = information / entropies(factors)[:, None]
    left = [_cross_entropy(standard, factor) / np.log(len(np.unique(factor))) for factor in factors.T]
    explicit = float(np.clip(1 - np.array(left), 0, 1).mean())
    return InfoMEC(_concentration(shares), explicit, _concentration(shares.T))


def compute(points: Points, seed: int) -> dict[str, float]:
    codes, factors = points.one
    return {f"infomec_{name}": value for name, value in infomec(codes[:POINTS], factors[:POINTS], seed)._asdict().items()}


def _information(codes: NDArray[np.float64], factor: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """Latent by latent, so that the noise against ties is the same whatever the order of latents."""
    from sklearn.feature_selection import mutual_info_classif

    found = [mutual_info_classif(column[:, None], factor, n_neighbors=NEIGHBOURS, random_state=seed) for column in codes.T]
    return np.concatenate(found)


def _cross_entropy(codes: NDArray[np.float64], factor: NDArray[np.integer]) -> float:
    """Nats, of a logistic regression on the points that it was fitted on; without any input ln of the number of values, for its
    classes are balanced, as published."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    model = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # classes that can be separated have no best weights
        model.fit(codes, factor)
    return float(log_loss(factor, model.predict_proba(codes), labels=model.classes_))


def _concentration(shares: NDArray[np.float64]) -> float:
    """Mean over columns of max / sum, from the least possible (0) to one entry alone (1), of shares (n, m); 0 for n = 1."""
    count, total = len(shares), shares.sum(axis=0)
    if count == 1:
        return 0.0
    top = np.where(total > 0, shares.max(axis=0) / np.where(total > 0, total, 1), 1 / count)
    return float((top.mean() - 1 / count) / (1 - 1 / count))
