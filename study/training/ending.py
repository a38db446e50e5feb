"""Why a run ends: pure functions of what it has reported.

    diverged   the loss is no longer finite
    collapsed  the latents carry no information: reconstruction less than 5 % of the way from the mean image's nats to a
               perfect reconstruction's, whatever the KL says (seen with large γ: KL exactly at C, recon 565 of 567)
    stopped    early stopping: `patience` reports without a better training loss
    complete   all steps done, and none of these

Collapse is decided here and nowhere else.  Every run is judged at its end, however short.  Before that, a run is given up
after 500 steps and a quarter of its length, when no schedule can save it: they have ended, or it pays a KL of 5 nats that
buys nothing.  A small C(t) or a large β(t) may keep a model at the mean image for most of a run that ends well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from models.config import Likelihood
from models.elbo import reconstruction_nll
from models.objectives import Objective
from study.config import Training
from study.training.report import Report

__all__ = ["RUNNING", "Ending", "Scale", "Status", "diverged", "ending", "schedules_end"]

Status = Literal["running", "complete", "diverged", "collapsed", "stopped"]

NO_INFORMATION = 0.05  # of the distance between the mean image's nats and a perfect reconstruction's
JUDGED_AFTER_STEPS = 500  # twice what a model needs to leave the mean image, and some
JUDGED_AFTER = 0.25  # fraction of the run
PAID = 5.0  # nats of KL


class Ending(NamedTuple):
    """A run's status and, where it ended early, why: one line."""

    status: Status
    reason: str = ""


RUNNING = Ending("running")


@dataclass(frozen=True)
class Scale:
    """What a reconstruction error is read against, nats per image: the mean image's and a perfect reconstruction's.

    A Gaussian's may be negative, so only their distance is a scale.
    """

    mean_image: float
    perfect: float

    @classmethod
    def of(cls, likelihood: Likelihood, x_BCHW: Tensor) -> Scale:
        """From some training images."""
        logits = (image.clamp(1e-6, 1 - 1e-6).logit().expand_as(x_BCHW) for image in (x_BCHW.mean(0, keepdim=True), x_BCHW))
        worst, perfect = (float(reconstruction_nll(likelihood, each, x_BCHW).mean()) for each in logits)
        if (
            likelihood.kind == "calibrated"
        ):  # ½ log of the squared error a pixel: the nats of its whole, at the first per cent's rate
            perfect = worst - 0.5 * math.prod(x_BCHW.shape[1:])
        return cls(worst, perfect)

    def informed(self, recon: float) -> float:
        """0 at the mean image, 1 at a perfect reconstruction.

        >>> Scale(mean_image=567.0, perfect=0.0).informed(540.0) < NO_INFORMATION
        True
        """
        return (self.mean_image - recon) / max(self.mean_image - self.perfect, 1e-12)


def diverged(step: int) -> Ending:
    """The loss was looked at after `step` steps and was not finite."""
    return Ending("diverged", f"the loss was not finite by step {step}")


def ending(training: Training, history: Sequence[Report], scale: Scale, settled: float) -> Ending:
    """Whether a run goes on after its last report.  settled: the fraction of the run at which its schedules end."""
    last = history[-1]
    if _judged(training, last, settled) and scale.informed(last.recon) < NO_INFORMATION:
        return Ending(
            "collapsed",
            f"no information in the latents: reconstruction {last.recon:.1f} nats, the mean image alone "
            f"{scale.mean_image:.1f}, KL {last.kl:.1f}",
        )
    if _impatient(training.patience, [report.loss for report in history]):
        return Ending("stopped", f"no better training loss for {training.patience} reports")
    return Ending("complete") if last.step >= training.steps else RUNNING


def schedules_end(objective: Objective) -> float:
    """The fraction of a run after which the objective's weights no longer change: earlier, trials are not comparable."""
    grid = np.linspace(0, 1, 101)
    final = objective.weights(1.0)
    moving = [progress for progress in grid if objective.weights(float(progress)) != final]
    return float(moving[-1]) + 0.01 if moving else 0.0


def _judged(training: Training, report: Report, settled: float) -> bool:
    """Whether a model without information would be given up now."""
    if report.step >= training.steps:
        return True
    late = report.step >= JUDGED_AFTER_STEPS and report.progress >= JUDGED_AFTER
    return late and (report.progress >= settled or report.kl >= PAID)


def _impatient(patience: int | None, losses: Sequence[float]) -> bool:
    if patience is None or len(losses) <= patience:
        return False
    return min(losses[-patience:]) >= min(losses[:-patience])
