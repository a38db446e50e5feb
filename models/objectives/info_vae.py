"""InfoVAE:  recon + (1 − α)·KL + (α + λ − 1)·MMD(q(z), p(z))   (Zhao et al. 2019, eq. 6 with the MMD of §4.1).

The KL of each image is what keeps information out of the latents; α takes it away (α = 1 is the MMD-VAE), and the maximum mean
discrepancy keeps the codes of all images together distributed as the prior.  α = 0, λ = 1 is the plain VAE.

    MMD = E k(z, z') − 2 E k(z, p) + E k(p, p'),    k(a, b) = exp(−|a − b|²/2h²),    h² = D

z, z' codes of the batch, p, p' of the prior.  The expectations over a Gaussian prior are known, so no samples of it are drawn:

    E k(z, p) = (h²/(h²+1))^(D/2) · exp(−|z|²/2(h²+1)),    E k(p, p') = (h²/(h²+2))^(D/2)

h² = D is half the mean squared distance of two samples of the prior.  A batch of B estimates the first term with its diagonal:
never negative, too large by at most 1/B.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from models import config as base
from models import objectives
from models.vae import Terms

__all__ = ["Config", "Objective", "mmd"]


class Config(base.Config):
    """alpha: how much of each image's KL is taken away; lambda_mmd: λ, weight of the discrepancy (1000 in the paper)."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    lambda_mmd: float = Field(default=1000.0, ge=1, le=1_000_000)


class Objective(objectives.Objective):
    """recon + (1 − α)·KL + (α + λ − 1)·MMD, batch mean.

    >>> at_prior = Terms(torch.tensor([100.0]), torch.tensor([[8.0]]), *torch.zeros(3, 1, 1))
    >>> objective = Objective(Config(alpha=0.5, lambda_mmd=1.0), 1, 1000)
    >>> loss = objective(at_prior, {name: torch.tensor(value) for name, value in objective.weights(0.0).items()})
    >>> round(loss.item(), 3)  # 100 + ½·8 + ½·(1 − 2·√½ + √⅓)
    104.082
    """

    config: Config
    scheduled = frozenset({"alpha", "lambda_mmd"})

    def weights(self, progress: float) -> dict[str, float]:
        c = self.config
        return {"kl_weight": 1 - c.alpha, "mmd_weight": c.alpha + c.lambda_mmd - 1}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + (1 − α)·KL + (α + λ − 1)·MMD"""
        kl = terms.kl_BD.sum(1).mean()
        return terms.nll_B.mean() + weights["kl_weight"] * kl + weights["mmd_weight"] * mmd(terms.z_BD)


def mmd(z_BD: Tensor) -> Tensor:
    """Squared maximum mean discrepancy between these codes and N(0, I), in [0, 2).

    >>> mmd(torch.tensor([[0.0], [100.0]])) > mmd(torch.tensor([[-1.0], [1.0]]))
    tensor(True)
    """
    latents = z_BD.shape[1]
    h2 = float(latents)
    own = torch.exp(-(z_BD[:, None] - z_BD[None]).square().sum(2) / (2 * h2)).mean()
    across = (h2 / (h2 + 1)) ** (latents / 2) * torch.exp(-z_BD.square().sum(1) / (2 * (h2 + 1))).mean()
    prior = (h2 / (h2 + 2)) ** (latents / 2)
    distance: Tensor = own - 2 * across + prior
    return distance
