"""FactorVAE:  recon + KL + γ·TC   (Kim & Mnih 2018, eq. 2 and algorithm 2).

The total correlation TC = KL(q(z) ‖ Π_d q(z_d)) is estimated by the density-ratio trick: a discriminator learns to tell
codes z of images from codes whose latents come from different images, and then

    TC ≈ E_q(z)[log D(z) − log(1 − D(z))] = mean of (logit "joint" − logit "shuffled").

The discriminator is the paper's: 6 layers of 1000 units, leaky ReLU 0.2, two logits.  It is trained by `adversary_loss`
(Adam 1e-4, betas 0.5 and 0.9) and held fixed in `forward`.  As in disentanglement_lib, both losses see the same batch.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from models import config as base
from models import objectives
from models.vae import Terms

__all__ = ["Config", "Objective", "shuffle_latents"]


class Config(base.Config):
    """gamma: weight of the total correlation, 10 to 100 in the field's grid; hidden, layers: of the discriminator."""

    gamma: float = Field(default=10.0, ge=0, le=1000)
    hidden: base.LayerSize = 1000
    layers: int = Field(default=6, ge=1, le=20)


class Objective(objectives.Objective):
    """recon + KL + γ·TC, batch mean; owns the discriminator.

    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[1.0, 3.0], [1.0, 5.0]]), zeros, zeros, zeros)
    >>> objective = Objective(Config(gamma=10.0, hidden=8, layers=2), 2, 1000)
    >>> objective(terms, {"gamma": torch.tensor(0.0)})  # the plain VAE: 100 + 5
    tensor(105.)
    """

    config: Config
    scheduled = frozenset({"gamma"})

    def __init__(self, config: Config, latent_dim: int, dataset_size: int) -> None:
        super().__init__(config, latent_dim, dataset_size)
        layers: list[nn.Module] = []
        for fan_in in [latent_dim] + [config.hidden] * (config.layers - 1):
            layers += [nn.Linear(fan_in, config.hidden), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(config.hidden, 2))

    def weights(self, progress: float) -> dict[str, float]:
        return {"gamma": self.config.gamma}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + KL + γ·(logit "joint" − logit "shuffled"), the discriminator held fixed"""
        fixed = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        logits_B2: Tensor = functional_call(self.discriminator, fixed, terms.z_BD)
        joint_B, shuffled_B = logits_B2.unbind(1)
        tc = (joint_B - shuffled_B).mean()
        return terms.nll_B.mean() + terms.kl_BD.sum(1).mean() + weights["gamma"] * tc

    def adversary_loss(self, terms: Terms) -> Tensor:
        """Cross-entropy of the discriminator, nats per code: class 0 for codes of images, class 1 for shuffled ones."""
        both = torch.cat([terms.z_BD, shuffle_latents(terms.z_BD)])
        classes = torch.arange(2, device=both.device).repeat_interleave(len(terms.z_BD))
        logits: Tensor = self.discriminator(both)
        return F.cross_entropy(logits, classes)


def shuffle_latents(z_BD: Tensor) -> Tensor:
    """Codes distributed as Π_d q(z_d): latent d is taken from the image d rows further on.

    The paper permutes every latent at random over the batch.  The rows of a batch are in random order already, so fixed
    shifts give the same distribution, without random numbers that an exact resume would have to keep; and up to D = B no
    two latents of a code stem from the same image.

    >>> shuffle_latents(torch.tensor([[1, 10], [2, 20], [3, 30]]))
    tensor([[ 1, 20],
            [ 2, 30],
            [ 3, 10]])
    """
    batch, latents = z_BD.shape
    rows = torch.arange(batch, device=z_BD.device)[:, None] + torch.arange(latents, device=z_BD.device)
    return z_BD.gather(0, rows % batch)
