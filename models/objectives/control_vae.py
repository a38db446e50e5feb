"""ControlVAE:  recon + β·KL, β set by a controller so that the KL follows C(t)   (Shao et al. 2020, eqs. 7 and 8).

    e(s) = C − KL(s)                                    how far the batch of step s is from the wanted KL, nats
    β(s) = K_p/(1 + exp e(s)) − K_i·Σ_j≤s e(j) + β_min  a PI controller, kept within [β_min, β_max]

Too much KL (e < 0) raises β, too little lowers it.  The sum is kept within what moves β over its range (the paper stops adding
to it outside), so that a target which cannot be reached for long leaves no debt.  C(t) rises linearly from 0 to `capacity_max`
nats, as in the capacity objective, which reaches the same KL by a penalty γ·|KL − C|: here the gradient is that of a β-VAE at
every step.

The controller's memory is two buffers, `integral` and `beta`.  They are part of the objective's state, so a checkpoint has
them, and only `observe`, which the training loop calls once a step, moves them on; `forward` reads β.
"""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor

from models import config as base
from models import objectives
from models.schedules import ramp
from models.vae import Terms

__all__ = ["Config", "Objective"]


class Config(base.Config):
    """capacity_max: nats per image.  kp, ki: of the controller (.01, .001 in the paper).  β stays in [beta_min, beta_max]."""

    capacity_max: float = Field(default=18.0, ge=0, le=1000)
    anneal_fraction: float = Field(default=0.75, gt=0, le=1)
    kp: float = Field(default=0.01, ge=0, le=100)
    ki: float = Field(default=0.001, gt=0, le=100)
    beta_min: float = Field(default=0.0, ge=0, le=1000)
    beta_max: float = Field(default=100.0, gt=0, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> Config:
        if self.beta_min >= self.beta_max:
            raise ValueError(f"beta_min < beta_max must hold, but got beta_min={self.beta_min}, beta_max={self.beta_max}")
        return self


class Objective(objectives.Objective):
    """recon + β·KL, batch mean; owns the controller.

    >>> objective = Objective(Config(), 1, 1000)
    >>> terms = Terms(torch.tensor([100.0]), torch.tensor([[8.0]]), *torch.zeros(3, 1, 1))
    >>> weights = {"capacity": torch.tensor(5.0)}
    >>> objective.observe(terms, weights)  # 3 nats too many: β = .01/(1 + e⁻³) + .001·3
    >>> objective.remembered()["beta"], objective(terms, weights)
    (0.0125..., tensor(100.1002))
    """

    config: Config
    scheduled = frozenset({"capacity_max", "anneal_fraction"})
    integral: Tensor
    beta: Tensor

    def __init__(self, config: Config, latent_dim: int, dataset_size: int) -> None:
        super().__init__(config, latent_dim, dataset_size)
        self.register_buffer("integral", torch.zeros(()))
        self.register_buffer("beta", torch.tensor(config.beta_min))

    def weights(self, progress: float) -> dict[str, float]:
        return {"capacity": ramp(progress, 0.0, self.config.capacity_max, end=self.config.anneal_fraction)}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + β·KL, with β as the steps before this one have left it"""
        return terms.nll_B.mean() + self.beta * terms.kl_BD.sum(1).mean()

    @torch.no_grad()
    def observe(self, terms: Terms, weights: dict[str, Tensor]) -> None:
        """One step of the controller."""
        c = self.config
        error = weights["capacity"] - terms.kl_BD.sum(1).mean()
        self.integral.add_(c.ki * error).clamp_(c.beta_min - c.beta_max, 0)
        self.beta.copy_((c.kp * torch.sigmoid(-error) - self.integral + c.beta_min).clamp(c.beta_min, c.beta_max))

    def remembered(self) -> dict[str, float]:
        return {"beta": float(self.beta)}
