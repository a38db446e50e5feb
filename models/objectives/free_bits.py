"""Free bits:  recon + Σ_d max(λ, mean KL_d)   (Kingma et al. 2016, eq. 15, a group being one latent).

The first λ nats of every latent cost nothing, so no latent gains by falling silent; above λ it is the plain VAE.  The
maximum is taken of the batch's mean, as in the paper, not of each image.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models import config as base
from models import objectives
from models.vae import Terms

__all__ = ["Config", "Objective"]


class Config(base.Config):
    """free_nats: λ, nats of each latent; .125 to 2 in the paper.  0 is the plain VAE."""

    free_nats: float = Field(default=0.25, ge=0, le=100)


class Objective(objectives.Objective):
    """recon + Σ_d max(λ, KL_d), KL_d the batch's mean.

    >>> import torch
    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[0.1, 3.0], [0.1, 5.0]]), zeros, zeros, zeros)
    >>> Objective(Config(free_nats=0.5), 2, 1000)(terms, {"free_nats": torch.tensor(0.5)})  # 100 + max(.5, .1) + max(.5, 4)
    tensor(104.5000)
    """

    config: Config
    scheduled = frozenset({"free_nats"})

    def weights(self, progress: float) -> dict[str, float]:
        return {"free_nats": self.config.free_nats}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + Σ_d max(λ, KL_d)"""
        return terms.nll_B.mean() + terms.kl_BD.mean(0).clamp(min=weights["free_nats"]).sum()
