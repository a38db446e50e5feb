"""β-VAE:  recon + β(t)·KL   (Higgins et al. 2017; β = 1 is the VAE of Kingma & Welling 2014).

β may be constant or follow a schedule over the run:

    constant   β
    warmup     β_start → β over a `window` of the run, then β                  (Bowman et al. 2016; Sønderby et al. 2016)
    cyclic     β_start → β, `cycles` times                                     (Fu et al. 2019)
    decay      β_start → β over a `window` of the run, β_start > β     (Shao et al. 2020 decay β the same way)

`hold` is the fraction of the run for which a warm-up or decay waits at β_start before its window begins.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from models import config as base
from models import objectives
from models.schedules import Shape, cyclic, ramp
from models.vae import Terms

__all__ = ["Config", "Objective"]


class Config(base.Config):
    """beta: the final (or only) weight of the KL.  beta_start: where a schedule begins."""

    beta: float = Field(default=1.0, ge=0, le=1000)
    schedule: Literal["constant", "warmup", "cyclic", "decay"] = "constant"
    beta_start: float = Field(default=0.0, ge=0, le=1000)
    window: float = Field(default=1.0, gt=0, le=1, description="fraction of the run a warm-up or decay takes")
    shape: Shape = "linear"
    cycles: int = Field(default=4, ge=1, le=100)
    hold: float = Field(default=0.0, ge=0, lt=1, exclude_if=lambda hold: hold == 0)  # unsaid in digests from before it was

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.schedule == "decay" and self.beta_start <= self.beta:
            raise ValueError(f"decay needs beta_start > beta, but got beta_start={self.beta_start}, beta={self.beta}")
        if self.schedule in ("warmup", "cyclic") and self.beta_start > self.beta:
            raise ValueError(f"{self.schedule} needs beta_start <= beta, but got beta_start={self.beta_start}, beta={self.beta}")
        moving = self.schedule in ("warmup", "decay")
        if self.hold > 0 and not moving:
            raise ValueError(f"hold is for warmup and decay, but got hold={self.hold} with schedule={self.schedule}")
        if self.hold + self.window > 1 + 1e-9:
            raise ValueError(f"hold + window <= 1 must hold, but got hold={self.hold}, window={self.window}")
        if moving and self.shape == "exponential" and min(self.beta, self.beta_start) <= 0:
            raise ValueError(
                f"an exponential schedule needs both ends > 0, but got beta_start={self.beta_start}, beta={self.beta}"
            )
        return self


class Objective(objectives.Objective):
    """recon + β(t)·KL, batch mean.

    >>> import torch
    >>> zeros = torch.zeros(2, 2)
    >>> terms = Terms(torch.tensor([90.0, 110.0]), torch.tensor([[1.0, 3.0], [1.0, 5.0]]), zeros, zeros, zeros)
    >>> Objective(Config(beta=4.0), 2, 1000)(terms, {"beta": torch.tensor(4.0)})  # 100 + 4·5
    tensor(120.)
    >>> Objective(Config(beta=4.0, schedule="warmup", window=0.5), 2, 1000).weights(0.25)
    {'beta': 2.0}
    """

    config: Config
    scheduled = frozenset(Config.model_fields)

    def weights(self, progress: float) -> dict[str, float]:
        c = self.config
        if c.schedule == "constant":
            return {"beta": c.beta}
        if c.schedule == "cyclic":
            return {"beta": cyclic(progress, c.beta_start, c.beta, cycles=c.cycles)}
        return {"beta": ramp(progress, c.beta_start, c.beta, begin=c.hold, end=c.hold + c.window, shape=c.shape)}

    def forward(self, terms: Terms, weights: dict[str, Tensor]) -> Tensor:
        """recon + β·KL"""
        return terms.nll_B.mean() + weights["beta"] * terms.kl_BD.sum(1).mean()
