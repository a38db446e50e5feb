"""The training loop: plain PyTorch, no framework, nothing about Ray.

One `Run` trains one seed of one `TrialConfig`.  Everything random in step s (batch, noise) is a function of (seed, s), so the
state of a run is the step, the parameters and the optimisers' moments: a run continued from its checkpoint gives the same
numbers as one that was never interrupted (same machine, same number of threads).

The hot loop never waits for the device: per-step terms add up in tensors and are read once per report.

Why a run ends is said in `study.training.ending`.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.files import write_atomically
from models.initialisation import he_initialise, start_at_mean_pixel
from models.objectives import build_objective
from models.vae import VAE, Terms
from study.config import Training, TrialConfig
from study.datasets import Dataset
from study.training.batches import Batches
from study.training.device import choose_precision
from study.training.ending import RUNNING, Ending, Scale, Status, diverged, ending, schedules_end
from study.training.forks import forks
from study.training.report import Report
from study.training.schedules import Schedules, learning_rate

__all__ = ["Report", "Run"]

CHUNK = 50  # steps between two looks at the loss: a diverged run costs at most this many steps more
SCALE_IMAGES = 1000  # training images whose mean says where to start and what no information costs
START = {"he": he_initialise, "mean_pixel": start_at_mean_pixel}


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
        self.ending = RUNNING
        self.step = 0
        self.seconds = 0.0
        self.history: list[Report] = []
        classes = len(self.dataset.label_names)
        model_config = self.config.model_config_for(self.dataset.image_shape, classes)
        self.generator = _default_generator(self.device)
        self.generator.manual_seed(self.seed)
        torch.default_generator.manual_seed(self.seed)  # parameters are drawn on the CPU, whatever the device
        self.batches = Batches(self.dataset, "train", training.batch_size, self.seed, self.device)
        x = self.batches.images(self.dataset.sample("train", SCALE_IMAGES))
        self.scale = Scale.of(self.config.likelihood, x)
        self.model = VAE(model_config)
        if training.initialisation != "torch":
            START[training.initialisation](self.model, x.cpu())
        self.model.to(self.device).to(memory_format=torch.channels_last)
        train_size = len(self.dataset.parts["train"])
        self.objective = build_objective(
            self.config.objective, self.config.objective_options, self.config.latent_dim, train_size
        ).to(self.device)
        self.settled = schedules_end(self.objective)
        self.optimiser = _adam(self.model, training.learning_rate, training.adam_betas, training.weight_decay)
        adversary = list(self.objective.parameters())
        self.adversary = _adam(self.objective, 1e-4, (0.5, 0.9), 0.0) if adversary else None
        self.dtype = choose_precision(training.precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.forward = self._compiled(training)
        self._sums = torch.zeros(4 + self.config.latent_dim, device=self.device)
        self.trunks: dict[int, Path] = {}

    @property
    def status(self) -> Status:
        """ "running" until it has ended."""
        return self.ending.status

    @property
    def reason(self) -> str:
        """Why it ended early, one line."""
        return self.ending.reason

    def advance(self) -> Iterator[Report]:
        """Train on; yields at each report.  The caller may stop iterating and `save` at any yield."""
        training = self.config.training
        self.model.train()
        for boundary in self.boundaries[self.boundaries > self.step]:
            started, first = time.perf_counter(), self.step
            self._sums.zero_()
            self.schedules = Schedules(training, self.objective, first, int(boundary), self.device)
            while self.step < boundary and self.status == "running":
                for _ in range(min(CHUNK, int(boundary) - self.step)):
                    self._step()
                if not torch.isfinite(self._sums[0]):
                    self.ending = diverged(self.step)
            self.seconds += time.perf_counter() - started
            report = self._report(self.step - first)
            self.history.append(report)
            if self.status == "running":
                self.ending = ending(training, self.history, self.scale, self.settled)
            self._calibrate()
            if self.step in self.trunks and self.status == "running":
                self.save(self.trunks[self.step])
            yield report
            if self.status != "running":
                return

    @property
    def boundaries(self) -> NDArray[np.int64]:
        """The steps after which it reports, and 0."""
        return np.unique(np.linspace(0, self.config.training.steps, self.reports + 1).round().astype(np.int64))

    def share(self, folder: Path, fetch: Callable[[Path], object] | None = None) -> None:
        """Keep the state at every fork in `folder`, and start from the latest that another arm has left there.

        fetch: brings a file from another machine's folder, if it is there.  `trunks` are the files by their steps.

        The numbers are those of a run that shares nothing; `seconds` count the trunk as this run's own.
        """
        found = forks(self.config, self.objective, self.seed, self.boundaries)
        self.trunks = {step: folder / f"{digest[:16]}.ckpt" for step, digest in found.items() if step > self.step}
        for step in sorted(self.trunks, reverse=True):
            if fetch is not None:
                fetch(self.trunks[step])
            state = self._read(self.trunks[step])
            if state is not None and state["step"] == step:
                self._load(state)
                return

    def save(self, path: Path) -> None:
        """Everything needed to continue, written atomically."""
        write_atomically(path, _serialise(self._state()))

    def resume(self, path: Path) -> bool:
        """Continue from `path` if it holds this very run; False (and nothing changed) if it does not."""
        state = self._read(path)
        if state is None or (state["digest"], state["seed"]) != (self.config.digest(), self.seed):
            return False
        self._load(state)
        return True

    def _read(self, path: Path) -> dict[str, Any] | None:
        """The state in a file.  None where it is absent, cut short or foreign: then the run starts afresh."""
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except Exception:
            return None
        return state

    def _step(self) -> None:
        """One optimiser step on one batch."""
        self.schedules.set_rate(self.optimiser, self.step)
        weights = self.schedules.weights(self.step)
        x, labels = self.batches(self.step)
        self.generator.manual_seed((self.seed + (self.step + 1) * 0x9E3779B97F4A7C15) & (2**63 - 1))
        noise = torch.randn(len(x), self.config.latent_dim, device=self.device)
        with self._autocast():
            terms: Terms = self.forward(x, noise, labels if self.model.label is not None else None)
        loss = self.objective(terms, weights)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        norm = self._gradient_norm(self.config.training.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.adversary is not None:
            self._adversary_step(terms)
        self.objective.observe(Terms(*(term.detach() for term in terms)), weights)
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
            weights=self.objective.weights(progress) | self.objective.remembered(),
            seconds=self.seconds,
        )

    def _calibrate(self) -> None:
        """Tell a model that learns its σ which one it has, from 1,000 training images (`VAE.calibrate`)."""
        if self.model.likelihood.kind != "calibrated" or self.status == "diverged":
            return
        rows = self.dataset.sample("train", SCALE_IMAGES)
        noise = torch.randn(len(rows), self.config.latent_dim, generator=torch.Generator().manual_seed(0)).to(self.device)
        labels = None if self.model.label is None else self.batches.labels_of(rows)
        self.model.eval().calibrate(self.batches.images(rows), noise, labels)
        self.model.train()

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
        self.ending = Ending(state["status"], state["reason"])
        self.history = [Report(**row) for row in state["history"]]
        self._calibrate()


def _default_generator(device: torch.device) -> torch.Generator:
    """The device's global generator; `torch.manual_seed` would also queue a seeding of GPUs that nobody uses."""
    if device.type == "cpu":
        return torch.default_generator
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return torch.cuda.default_generators[device.index or 0]


def _adam(
    module: nn.Module, rate: float, betas: tuple[float, float], decay: float, capturable: bool | None = None
) -> torch.optim.Optimizer:
    """capturable: the learning rate lives on the device, and every step may be part of a graph; None: on CUDA."""
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    device = next(module.parameters()).device
    capturable = device.type == "cuda" if capturable is None else capturable
    lr = torch.tensor(rate, device=device) if capturable else rate
    return kind(module.parameters(), lr=lr, betas=betas, weight_decay=decay, fused=True, capturable=capturable)


def _serialise(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
