"""Modularity of the latents in use: `modularity` without its penalty for latents that a model switched off.

    mean over latents with standard deviation ≥ 0.05 of  1 − Σ_{f ≠ f*} I(z_d; v_f)² / ((F − 1) I(z_d; v_f*)²)

The published code averages over all latents, so a constant latent lowers the score and a dead one adds the score of
its noise (Ridgeway & Mozer 2018 do not say); here neither takes part, by the FactorVAE score's threshold.  0 without any active
latent.  Range 0 … 1, higher is better.  Cost: 0.1 s.  10,000 points, 20 equal-width bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.evidence.information import modularities
from study.evidence.points import ACTIVE, TRAIN, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "modularity_active"]

METRIC = Metric(
    family="codes",
    keys=("modularity_active",),
    direction="maximize",
    range=(0, 1),
    cost="cheap",
    points=TRAIN,
    least_factors=2,
    group="disentanglement",
)


def modularity_active(codes: NDArray[np.floating], factors: NDArray[np.integer]) -> float:
    """Of codes (N, D) and integer factors (N, F), F ≥ 2.  Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> unused = np.zeros((216, 1))
    >>> round(modularity_active(np.hstack([own, unused]), factors), 2)
    1.0
    """
    check_codes(codes, factors, least_factors=2)
    active = np.std(codes, axis=0, ddof=1, dtype=np.float64) >= ACTIVE
    return float(modularities(codes[:, active], factors).mean()) if active.any() else 0.0


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"modularity_active": modularity_active(*points.one)}
