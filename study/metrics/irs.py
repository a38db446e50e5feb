"""Interventional robustness (Suter et al. 2019): does a latent stay put while everything but its factor moves?

    IRS = Σ_d w_d max_f [1 − 1/V_f Σ_v q₉₉(|z_d − E[z_d | f = v]|) / max |z_d − E z_d|]        w_d ∝ max |z_d − E z_d|

With factor f held at v, the 99 % quantile of how far z_d strays from its mean there, as a share of how far it ever strays: 0
for the factor that alone moves z_d.  Range 0 … 1, higher is better.  Cost: 0.1 s.

As in disentanglement_lib (`scalable_disentanglement_score`): 10,000 points, 99 % quantile, values of a factor weighed equally,
latents by their largest deviation, constant ones dropped.  The largest deviation is one point's, so outliers raise the score of
a latent, and codes of pure noise still get about a third: read it beside `mig`.  Unchanged by permuting and shifting latents;
scaling one changes its weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.evidence.points import TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "irs"]

QUANTILE = 0.99

METRIC = Metric(
    family="codes",
    keys=("irs",),
    direction="maximize",
    range=(0, 1),
    cost="cheap",
    points=TRAIN,
    titles={"irs": "IRS"},
    group="disentanglement",
)


def irs(codes: NDArray[np.floating], factors: NDArray[np.integer]) -> float:
    """IRS of codes (N, D) and integer factors (N, F).  0 where all latents are constant.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> round(irs(own, factors), 2), round(irs(mixed, factors), 2)
    (1.0, 0.44)
    """
    check_codes(codes, factors)
    values = np.asarray(codes, np.float64)
    largest = np.abs(values - values.mean(axis=0)).max(axis=0)
    values, largest = values[:, largest > 0], largest[largest > 0]
    if not len(largest):
        return 0.0
    strays = np.stack([_strays(values, factor) for factor in factors.T], axis=1)  # (D, F)
    robust = (1 - strays / largest[:, None]).max(axis=1)
    return float(np.clip(np.average(robust, weights=largest), 0, 1))


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"irs": irs(*points.one)}


def _strays(codes: NDArray[np.float64], factor: NDArray[np.integer]) -> NDArray[np.float64]:
    """How far each latent strays from its mean where the factor is held, (D,): mean over the factor's values."""
    held = [codes[factor == value] for value in np.unique(factor)]
    return np.asarray(np.mean([np.quantile(np.abs(part - part.mean(axis=0)), QUANTILE, axis=0) for part in held], axis=0))
