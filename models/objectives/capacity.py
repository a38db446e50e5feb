"""Capacity objective with γ decay:  recon + γ(t)·|KL − C(t)|   (Burgess et al. 2018, eq. 8; γ decay is ours to study).

C(t) rises linearly from 0 to `capacity_max` nats over the first `anneal_fraction` of the run and then stays.  γ goes from
`gamma_max` to `gamma_min`: either `during` the annealing of C or `after` it, until the end of the run.  Equal ends are
Burgess et al.'s constant γ.

`penalty` says what is compared with C: the `batch` mean of the KL (the paper's formula) or the KL of each `sample`,
mean|KLᵢ − C|.  Published code differs, and the second also punishes the spread of the KL over images.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from models import config as base
from models import objectives
from models.schedules import Shape, ramp
from models.vae import Terms

__all__ = ["Config", "Objective"]


class Config(base.Config):
    """capacity_max in nats per image; γ has no unit."""

    capacity_max: float = Field(default=25.0, ge=0, le=1000)
    anneal_fraction: float = Field(default=0.75, gt=0, le=1)
    gamma_max: float = Field(default=100.0, gt=0, le=10_000)
    gamma_min: float | None = Field(default=None, gt=0, le=10_000, description="None: constant gamma_max")
    gamma_shape: Shape = "linear"
    gamma_window: Literal["during", "after"] = "after"
    penalty: Literal["batch", "sample"] = "batch"

    @model_validator(mode="after")
    def _ordered(self) -> Config:
        if self.gamma_min is not None and self.gamma_min > self.gamma_max:
            raise ValueError(f"gamma_min <= gamma_max must hold, but got gamma_min={self.gamma_min}, gamma_max={self.gamma_max}")
        if self.gamma_min not in (None, self.gamma_max) and self.gamma_window == "after" and self.anneal_fraction >= 1:
            raise ValueError("gamma_window='after' needs anneal_fraction < 1: nothing of the run is left to decay in")
        return self


class Objective(objectives.Objective):
    """recon + γ(t)·|KL − C(t)|, batch mean.

    >>> import torch
    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[1.0, 3.0], [1.0, 5.0]]), zeros, zeros, zeros)
    >>> Objective(Config(), 2, 1000)(terms, {"gamma": torch.tensor(10.0), "capacity": torch.tensor(4.5)})  # 100 + 10·|5 − 4.5|
    tensor(105.)
    >>> Objective(Config(gamma_max=10.0, gamma_min=2.0, anneal_fraction=0.5), 2, 1000).weights(0.75)
    {'capacity': 25.0, 'gamma': 6.0}
    """

    config: Config
    scheduled = frozenset(Config.model_fields) - {"penalty"}

    def weights(self, progress: float) -> dict[str, float]:
        c = self.config
        gamma_min = c.gamma_max if c.gamma_min is None else c.gamma_min
        begin, end = (0.0, c.anneal_fraction) if c.gamma_window == "during" else (c.anneal_fraction, 1.0)
        return {
            "capacity": ramp(progress, 0.0, c.capacity_max, end=c.anneal_fraction),
            "gamma": ramp(progress, c.gamma_max, gamma_min, begin=begin, end=end, shape=c.gamma_shape),
        }

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + γ·|KL − C|, or γ·mean|KLᵢ − C| where penalty is sample"""
        kl_B = terms.kl_BD.sum(1)
        if self.config.penalty == "batch":
            kl_B = kl_B.mean()
        return terms.nll_B.mean() + weights["gamma"] * (kl_B - weights["capacity"]).abs().mean()
