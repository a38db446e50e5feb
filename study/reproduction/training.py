"""Training a recipe: the loop of `study.training.run`, with everything written down on the way.

In `runs/<recipe>/`:
    checkpoints/<digest>-<seed>.ckpt     after every minute and at the end; started again, the recipe continues from it, and a
                                         finished one is only evaluated and drawn again
    snapshots/<digest>-<seed>/           `study.reproduction.snapshots`
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from models.vae import VAE
from registry.console import duration
from study.config import TrialConfig
from study.datasets import Dataset
from study.reproduction.snapshots import FRACTIONS, Snapshot, load_snapshots, save_snapshot, take
from study.training.run import Report, Run

__all__ = ["Tell", "Trained", "train_torch"]

REPORTS = 2_000  # at most, unless there are more epochs: enough for a curve a batch in short runs
CHECKPOINT_SECONDS = 60.0
LINE_SECONDS = 5.0  # between two lines of progress

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A finished training.  history: a row a report, with `epoch` as a fraction.  status: as `study.training.run.Run` has it."""

    config: TrialConfig
    model: VAE
    seed: int
    steps: int
    steps_per_epoch: int
    status: str
    reason: str
    seconds: float
    history: pd.DataFrame = field(repr=False)
    snapshots: Sequence[Snapshot] = field(repr=False)

    def epoch(self, step: float) -> float:
        """Epochs done after `step` steps."""
        return step / self.steps_per_epoch


def train_torch(config: TrialConfig, dataset: Dataset, folder: Path, root_seed: int, tell: Tell) -> Trained:
    """Train with PyTorch on the CPU, or continue what an earlier call left."""
    seed = config.seed(root_seed, 0)
    steps = config.training.steps
    run = Run(config, dataset, seed, torch.device("cpu"))
    per_epoch = run.batches.per_epoch
    run.reports = report_count(steps, per_epoch)
    name = f"{config.digest()[:16]}-{root_seed}"
    checkpoint, pictures = folder / "checkpoints" / f"{name}.ckpt", folder / "snapshots" / name
    if run.resume(checkpoint):
        tell(f"continued from step {run.step:,} of {steps:,} ({checkpoint})")
    due = [round(fraction * steps) for fraction in FRACTIONS if round(fraction * steps) > run.step or not run.step]
    if due and due[0] == 0:
        save_snapshot(take(run.model, due.pop(0)), pictures)
    saved = told = time.monotonic()
    begun = (run.step, run.seconds)
    for report in run.advance():
        if due and report.step >= due[0]:
            due = [step for step in due if step > report.step]
            save_snapshot(take(run.model, report.step), pictures)
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save(checkpoint)
            saved = time.monotonic()
        if time.monotonic() - told > LINE_SECONDS or run.status != "running":
            told = time.monotonic()
            tell(_line(report, begun, per_epoch, steps))
    run.save(checkpoint)
    return Trained(
        config=config,
        model=run.model.eval(),
        seed=seed,
        steps=run.step,
        steps_per_epoch=per_epoch,
        status=run.status,
        reason=run.reason,
        seconds=run.seconds,
        history=table(run.history, per_epoch),
        snapshots=load_snapshots(pictures),
    )


def report_count(steps: int, per_epoch: int) -> int:
    """How many reports: one a batch in short runs, else as many as divide every epoch into equal parts."""
    epochs = steps // per_epoch
    if steps % per_epoch or epochs == 0:
        return min(steps, REPORTS)
    return epochs * max(1, min(per_epoch, REPORTS // epochs))


def table(reports: Sequence[Report], per_epoch: int) -> pd.DataFrame:
    """A row a report."""
    found = pd.DataFrame([report.row() for report in reports])
    found.insert(1, "epoch", found["step"] / per_epoch)
    return found


def _line(report: Report, begun: tuple[int, float], per_epoch: int, steps: int) -> str:
    """begun: step and seconds at which this process took over; the machine may have been slower before."""
    rate = (report.step - begun[0]) / max(report.seconds - begun[1], 1e-9)
    return (
        f"epoch {report.step / per_epoch:.1f} of {steps / per_epoch:.1f}: loss {report.loss:.2f}, "
        f"reconstruction {report.recon:.2f}, KL {report.kl:.2f} nats; {rate:.3g} steps/s, "
        f"{duration((steps - report.step) / rate)} left"
    )
