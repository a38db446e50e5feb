"""DIP-VAE:  recon + KL + λ_od·Σ_{i≠j} Cov_ij² + λ_d·Σ_i (Cov_ii − 1)²   (Kumar et al. 2018, eqs. 6 and 7).

The aggregate posterior's covariance is pulled towards the prior's, the identity:

    variant I    Cov = Cov_x[mu(x)]                       λ_d = 10·λ_od in the field's protocol
    variant II   Cov = Cov_x[mu(x)] + E_x[diag σ²(x)]     λ_d = λ_od
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from models import config as base
from models import objectives
from models.vae import Terms

__all__ = ["Config", "Objective"]


class Config(base.Config):
    """lambda_od, lambda_d: weights of covariances and variances.  lambda_od is 1 to 50 in the field's grid."""

    variant: Literal["I", "II"] = "II"
    lambda_od: float = Field(default=10.0, ge=0, le=10_000)
    lambda_d: float | None = Field(default=None, ge=0, le=100_000, description="None: 10·lambda_od for I, lambda_od for II")


class Objective(objectives.Objective):
    """recon + KL + the covariance penalty, over the batch.

    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[1.0, 3.0], [1.0, 5.0]]), zeros, zeros, zeros)
    >>> objective = Objective(Config(variant="I", lambda_od=10.0), 2, 1000)
    >>> weights = {name: torch.tensor(value) for name, value in objective.weights(0.0).items()}
    >>> objective(terms, weights)  # mu does not vary: 100 + 5 + 100·((0 − 1)² + (0 − 1)²)
    tensor(305.)
    """

    config: Config
    scheduled = frozenset({"lambda_od", "lambda_d"})

    def weights(self, progress: float) -> dict[str, float]:
        c = self.config
        usual = c.lambda_od * (10 if c.variant == "I" else 1)
        return {"lambda_od": c.lambda_od, "lambda_d": usual if c.lambda_d is None else c.lambda_d}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + KL + λ_od·Σ_{i≠j} Cov_ij² + λ_d·Σ_i (Cov_ii − 1)²"""
        centred_BD = terms.mu_BD - terms.mu_BD.mean(0)
        covariance_DD = centred_BD.T @ centred_BD / len(centred_BD)
        if self.config.variant == "II":
            covariance_DD = covariance_DD + torch.diag(terms.logvar_BD.exp().mean(0))
        variances_D = covariance_DD.diagonal()
        off_diagonal = covariance_DD.square().sum() - variances_D.square().sum()
        penalty = weights["lambda_od"] * off_diagonal + weights["lambda_d"] * (variances_D - 1).square().sum()
        return terms.nll_B.mean() + terms.kl_BD.sum(1).mean() + penalty
