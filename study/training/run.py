"""The training loop: plain PyTorch, no framework, nothing about Ray.

One `Run` trains one seed of one `TrialConfig`.  Everything random in step s (batch, noise) is a function of (seed, s), so the
state of a run is the step, the parameters and the optimisers' moments: a run continued from its checkpoint gives the same
numbers as one that was never interrupted (same machine, same number of threads).

The hot loop never waits for the device: per-step terms add up in tensors and are read once per report.

A run ends early, with its reason, when
    diverged   the loss is no longer finite
    collapsed  the reconstruction is no better than that of the data's mean image: the latents carry no information, whatever
               the KL says (seen with large γ: KL exactly at C, recon 565).  Judged late: see `Run._lifeless`
    stopped    early stopping: `patience` reports without a better training loss
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from models.elbo import reconstruction_nll
from models.files import write_atomically
from models.objectives import Objective, build_objective
from models.schedules import ramp
from models.vae import VAE, Terms
from study.config import Training, TrialConfig
from study.datasets import Dataset
from study.training.batches import Batches, images_on
from study.training.device import choose_precision

__all__ = ["Report", "Run", "Status", "learning_rate", "schedules_end"]

Status = Literal["running", "complete", "diverged", "collapsed", "stopped"]

CHUNK = 50  # steps between two looks at the loss: a diverged run costs at most this many steps more
COLLAPSE_AFTER = 0.75  # fraction of the run
COLLAPSE_STEPS = 500  # a healthy model may need that many to leave the mean image behind
COLLAPSE_MARGIN = 0.05  # "no better": less than 5 % of the way from the mean image's nats to a perfect reconstruction's


@dataclass(frozen=True)
class Report:
    """Means over the steps since the last report, on training batches.  Losses in nats per image."""

    step: int
    progress: float
    loss: float
    recon: float
    kl: float
    kl_per_latent: tuple[float, ...]
    grad_norm: float
    learning_rate: float
    weights: dict[str, float]
    seconds: float
    """Training time so far, this run's earlier lives included."""

    def row(self) -> dict[str, Any]:
        """Flat, for tables and TensorBoard."""
        return {**{k: v for k, v in vars(self).items() if k != "weights"}, **self.weights}


@dataclass
class Run:
    """One training in progress.  `advance` yields a `Report` at a time until `status` is no longer "running"."""

    config: TrialConfig
    dataset: Dataset
    seed: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    reports: int = 20

    def __post_init__(self) -> None:
        training = self.config.training
        self.status: Status = "running"
        self.reason = ""
        self.step = 0
        self.seconds = 0.0
        self.history: list[Report] = []
        classes = len(self.dataset.label_names)
        model_config = self.config.model_config_for(self.dataset.image_shape, classes)
        self.generator = _default_generator(self.device)
        self.generator.manual_seed(self.seed)
        torch.default_generator.manual_seed(self.seed)  # parameters are drawn on the CPU, whatever the device
        self.model = VAE(model_config).to(self.device).to(memory_format=torch.channels_last)
        train_size = len(self.dataset.parts["train"])
        self.objective = build_objective(
            self.config.objective, self.config.objective_options, self.config.latent_dim, train_size
        ).to(self.device)
        self.batches = Batches(self.dataset, "train", training.batch_size, self.seed, self.device)
        self.optimiser = _adam(self.model, training.learning_rate, training.adam_betas, training.weight_decay)
        adversary = list(self.objective.parameters())
        self.adversary = _adam(self.objective, 1e-4, (0.5, 0.9), 0.0) if adversary else None
        self.dtype = choose_precision(training.precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.forward = self._compiled(training)
        self._sums = torch.zeros(4 + self.config.latent_dim, device=self.device)
        self._baseline: tuple[float, float] | None = None

    def advance(self) -> Iterator[Report]:
        """Train on; yields at each report.  The caller may stop iterating and `save` at any yield."""
        training = self.config.training
        boundaries = np.unique(np.linspace(0, training.steps, self.reports + 1).round().astype(int))
        self.model.train()
        for boundary in boundaries[boundaries > self.step]:
            started, first = time.perf_counter(), self.step
            self._sums.zero_()
            while self.step < boundary and self.status == "running":
                for _ in range(min(CHUNK, int(boundary) - self.step)):
                    self._step()
                if not torch.isfinite(self._sums[0]):
                    self._end("diverged", f"the loss was not finite by step {self.step}")
            self.seconds += time.perf_counter() - started
            report = self._report(self.step - first)
            self.history.append(report)
            self._check(report)
            yield report
            if self.status != "running":
                return

    def save(self, path: Path) -> None:
        """Everything needed to continue, written atomically."""
        write_atomically(path, _serialise(self._state()))

    def resume(self, path: Path) -> bool:
        """Continue from `path` if it holds this very run; False (and nothing changed) if it does not."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except Exception:  # absent, cut short or foreign: whatever it is, the run simply starts afresh
            return False
        if (state["digest"], state["seed"]) != (self.config.digest(), self.seed):
            return False
        self._load(state)
        return True

    def _step(self) -> None:
        """One optimiser step on one batch."""
        training = self.config.training
        progress = self.step / training.steps
        rate = learning_rate(training, progress)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        x, labels = self.batches(self.step)
        self.generator.manual_seed((self.seed + (self.step + 1) * 0x9E3779B97F4A7C15) & (2**63 - 1))
        noise = torch.randn(len(x), self.config.latent_dim, device=self.device)
        with self._autocast():
            terms: Terms = self.forward(x, noise, labels if self.model.label is not None else None)
        weights = {name: torch.tensor(value, device=self.device) for name, value in self.objective.weights(progress).items()}
        loss = self.objective(terms, weights)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        norm = self._gradient_norm(training.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.adversary is not None:
            self._adversary_step(terms)
        self._accumulate(loss, norm, terms)
        self.step += 1

    def _gradient_norm(self, clip: float | None) -> Tensor | None:
        """The gradient's norm, clipped on request.  Without clipping it is measured once per chunk: it is a diagnostic."""
        if clip is None and self.step % CHUNK:
            return None
        self.scaler.unscale_(self.optimiser)
        return nn.utils.clip_grad_norm_(self.model.parameters(), math.inf if clip is None else clip)

    def _adversary_step(self, terms: Terms) -> None:
        assert self.adversary is not None
        loss = self.objective.adversary_loss(Terms(*(term.detach() for term in terms)))
        assert loss is not None, "an objective with parameters has an adversary loss"
        self.adversary.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.adversary.step()

    @torch.no_grad()
    def _accumulate(self, loss: Tensor, norm: Tensor | None, terms: Terms) -> None:
        kl_D = terms.kl_BD.detach().mean(0)
        self._sums[0] += loss.detach()
        self._sums[1] += terms.nll_B.detach().mean()
        self._sums[4:] += kl_D
        if norm is not None:
            self._sums[2] += norm
            self._sums[3] += 1

    def _report(self, steps: int) -> Report:
        training = self.config.training
        loss, recon, norms, measured, *kl = self._sums.tolist()
        progress = self.step / training.steps
        per_latent = tuple(value / max(steps, 1) for value in kl)
        return Report(
            step=self.step,
            progress=progress,
            loss=loss / max(steps, 1),
            recon=recon / max(steps, 1),
            kl=sum(per_latent),
            kl_per_latent=per_latent,
            grad_norm=norms / measured if measured else math.nan,
            learning_rate=learning_rate(training, progress),
            weights=self.objective.weights(progress),
            seconds=self.seconds,
        )

    def _check(self, report: Report) -> None:
        """Decide whether the run goes on after this report."""
        if self.status != "running":
            return
        if self._lifeless(report):
            self._end(
                "collapsed",
                f"no information in the latents: reconstruction {report.recon:.1f} nats, the mean image alone "
                f"{self.mean_image_nll():.1f}, KL {report.kl:.1f}",
            )
        elif self._impatient():
            self._end("stopped", f"no better training loss for {self.config.training.patience} reports")
        elif self.step >= self.config.training.steps:
            self._end("complete", "")

    def _lifeless(self, report: Report) -> bool:
        """No better than the mean image, late enough to say so: a small C(t) or a large β(t) may keep a model there for most
        of a run that ends well, so nothing is judged before the schedules have ended."""
        if self.step < COLLAPSE_STEPS or report.progress < max(COLLAPSE_AFTER, min(schedules_end(self.objective), 1.0)):
            return False
        worst, perfect = self.baseline()
        return worst - report.recon < COLLAPSE_MARGIN * (worst - perfect)

    def _impatient(self) -> bool:
        patience = self.config.training.patience
        if patience is None or len(self.history) <= patience:
            return False
        losses = [report.loss for report in self.history]
        return min(losses[-patience:]) >= min(losses[:-patience])

    def _end(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason

    def baseline(self) -> tuple[float, float]:
        """Reconstruction NLL of 1,000 training images by their mean image (what no information gives) and by themselves.

        Nats per image.  A Gaussian's may be negative, so only their distance is a scale.
        """
        if self._baseline is None:
            x = images_on(self.device, self.dataset.images)(self.dataset.sample("train", 1000))
            logits = (image.clamp(1e-6, 1 - 1e-6).logit().expand_as(x) for image in (x.mean(0, keepdim=True), x))
            worst, perfect = (float(reconstruction_nll(self.config.likelihood, each, x).mean()) for each in logits)
            self._baseline = worst, perfect
        return self._baseline

    def mean_image_nll(self) -> float:
        """The first of `baseline`."""
        return self.baseline()[0]

    def _autocast(self) -> Any:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _compiled(self, training: Training) -> Callable[..., Terms]:
        wanted = training.compile == "always" or (
            training.compile == "auto" and self.device.type == "cuda" and training.steps >= 20_000
        )
        return torch.compile(self.model) if wanted else self.model

    def _state(self) -> dict[str, Any]:
        return {
            "digest": self.config.digest(),
            "seed": self.seed,
            "step": self.step,
            "seconds": self.seconds,
            "status": self.status,
            "reason": self.reason,
            "model": self.model.state_dict(),
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "adversary": self.adversary.state_dict() if self.adversary else None,
            "scaler": self.scaler.state_dict(),
            "history": [vars(report) for report in self.history],
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.adversary is not None:
            self.adversary.load_state_dict(state["adversary"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.status, self.reason = state["status"], state["reason"]
        self.history = [Report(**row) for row in state["history"]]


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


def schedules_end(objective: Objective) -> float:
    """The fraction of a run after which the objective's weights no longer change: earlier, trials are not comparable."""
    grid = np.linspace(0, 1, 101)
    final = objective.weights(1.0)
    moving = [progress for progress in grid if objective.weights(float(progress)) != final]
    return float(moving[-1]) + 0.01 if moving else 0.0


def _default_generator(device: torch.device) -> torch.Generator:
    """The device's global generator; `torch.manual_seed` would also queue a seeding of GPUs that nobody uses."""
    if device.type == "cpu":
        return torch.default_generator
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return torch.cuda.default_generators[device.index or 0]


def _adam(module: nn.Module, rate: float, betas: tuple[float, float], decay: float) -> torch.optim.Optimizer:
    optimiser = torch.optim.AdamW if decay else torch.optim.Adam
    return optimiser(module.parameters(), lr=rate, betas=betas, weight_decay=decay, fused=True)


def _serialise(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
