"""What changes from step to step, on the device before the steps begin: learning rate and the objective's weights.

A number that the host hands over in every step is a copy for which a GPU waits.  All numbers of an interval between two
reports go over in one table, and a step reads its row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.objectives import Objective
from models.schedules import ramp
from study.config import Training
from study.training.batches import upload

__all__ = ["Schedules", "learning_rate"]


class Schedules:
    """Learning rate and weights of the steps first … last−1, float32 on the device."""

    def __init__(self, training: Training, objective: Objective, first: int, last: int, device: torch.device) -> None:
        progress = [step / training.steps for step in range(first, last)]
        weights = [objective.weights(each) for each in progress]
        self.first = first
        self.names = list(weights[0])
        self.rates = [learning_rate(training, each) for each in progress]
        rows = [[rate, *each.values()] for rate, each in zip(self.rates, weights, strict=True)]
        self.table = upload(torch.tensor(rows, dtype=torch.float32).numpy(), device)

    def weights(self, step: int) -> dict[str, Tensor]:
        """The objective's weights at a step, scalars."""
        return dict(zip(self.names, self.table[step - self.first, 1:].unbind(), strict=True))

    def set_rate(self, optimiser: torch.optim.Optimizer, step: int) -> None:
        """Give the optimiser its learning rate: where it keeps it on the device (CUDA), from there."""
        for group in optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(self.table[step - self.first, 0])
            else:
                group["lr"] = self.rates[step - self.first]


def learning_rate(training: Training, progress: float) -> float:
    """The learning rate at `progress` in [0, 1]."""
    top, final = training.learning_rate, training.lr_final
    if training.lr_schedule == "constant":
        return top
    if training.lr_schedule == "one_cycle":  # Smith & Topin 2018, with torch's defaults: from top/25, 30 % up
        if progress < 0.3:
            return ramp(progress, top / 25, top, end=0.3, shape="cosine")
        return ramp(progress, top, final, begin=0.3, shape="cosine")
    return ramp(progress, top, final, shape=training.lr_schedule)
