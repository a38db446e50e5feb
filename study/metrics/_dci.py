"""Disentanglement, completeness and informativeness from any predictor that rates its inputs (Eastwood & Williams 2018).

With R (D, F) the importance of latent d for predicting factor f:

    disentanglement  Σ_d ρ_d (1 − H_F(R_d· / Σ R_d·)),   ρ_d latent d's share of all importance:   one factor per latent?
    completeness     Σ_f ρ_f (1 − H_D(R_·f / Σ R_·f)),   ρ_f factor f's share:                     one latent per factor?
    informativeness  mean over factors of the predictor's test accuracy

H_n is entropy with base n.  The paper's informativeness is a prediction *error*; disentanglement_lib, and so we, report
accuracy: higher is better for all three.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["DCI", "dci_of"]

EMPTY = 1e-11
"""Added to every importance, as published: a latent that nothing uses then has the entropy of no preference."""


class DCI(NamedTuple):
    """Disentanglement, completeness, informativeness; each in 0 … 1, higher is better."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci_of(importances: NDArray[np.floating], accuracies: NDArray[np.floating]) -> DCI:
    """The three from importances (D, F), non-negative, with F ≥ 2 and D ≥ 2, and test accuracies (F,).

    >>> dci_of(np.eye(3), np.ones(3))
    DCI(disentanglement=1.0, completeness=1.0, informativeness=1.0)
    """
    latents, factors = importances.shape
    per_latent = 1 - scipy.stats.entropy(importances.T + EMPTY, base=factors)
    per_factor = 1 - scipy.stats.entropy(importances + EMPTY, base=latents)
    weights = importances if importances.sum() > 0 else np.ones_like(importances)
    weights = weights / weights.sum()
    disentanglement = float(np.round(per_latent @ weights.sum(axis=1), 9))  # hides the 1e-11
    completeness = float(np.round(per_factor @ weights.sum(axis=0), 9))
    return DCI(disentanglement, completeness, float(np.mean(accuracies)))
