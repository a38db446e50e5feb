"""Mutual information gap (Chen et al. 2018, §4.1): is each factor in one latent, rather than in several?

    MIG = 1/F Σ_f [I(z_(1); v_f) − I(z_(2); v_f)] / H(v_f)

z_(1), z_(2) the two latents that know most about factor v_f.  Range 0 … 1, higher is better.  Cost: 0.1 s.

As in disentanglement_lib: 10,000 points, the encoder mean, 20 equal-width bins over each latent's range (one outlier
widens all of them), every factor counts.  Chen et al.'s own code instead samples q(z|x) and leaves shape out, so its numbers
are not comparable.  Unchanged by permuting latents, and by scaling or shifting each of them; not by other monotone maps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.evidence.information import gaps
from study.evidence.points import TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "mig"]

METRIC = Metric(
    family="codes",
    keys=("mig",),
    direction="maximize",
    range=(0, 1),
    cost="cheap",
    points=TRAIN,
    titles={"mig": "MIG"},
    group="disentanglement",
    speaks=("mig",),
    watched=True,
)


def mig(codes: NDArray[np.floating], factors: NDArray[np.integer]) -> float:
    """MIG of codes (N, D), D ≥ 2, and integer factors (N, F).  Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> round(mig(own, factors), 2), round(mig(mixed, factors), 2)
    (1.0, 0.25)
    """
    check_codes(codes, factors, least_latents=2)
    return float(gaps(codes, factors).mean())


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"mig": mig(*points.one)}
