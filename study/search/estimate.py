"""What a study will be and what it will cost, measured: a few steps of the space's first start point on this machine."""

from __future__ import annotations

import os
import statistics
from typing import NamedTuple

from registry.console import duration
from study.config import TrialConfig
from study.datasets import Dataset
from study.records.folder import StudyRecord
from study.search.starts import start_points
from study.spaces import LoadedSpace, load_space
from study.training.run import Run

__all__ = ["Estimate", "describe", "estimate"]


class Estimate(NamedTuple):
    """What a study will cost on this machine: steps of all trials, wall seconds, bytes in its folder."""

    steps: int
    seconds: float
    disk: int
    steps_per_second: float
    concurrent: int


def estimate(record: StudyRecord, dataset: Dataset, steps: int = 20) -> Estimate:
    """Measure a few steps of the first start point, as one of several concurrent trials would run them."""
    import torch

    torch.set_num_threads(record.cpus_per_trial)
    space = load_space(record.space, record.paired)
    config = _first_config(space, record)
    run = Run(
        config.model_copy(update={"training": config.training.model_copy(update={"steps": 3 * steps})}), dataset, 0, reports=3
    )
    seconds = [report.seconds for report in run.advance()]
    laps = [after - before for before, after in zip([0.0, *seconds], seconds, strict=False)]
    rate = steps / statistics.median(laps)
    concurrent = max(1, (os.cpu_count() or 1) // record.cpus_per_trial)
    total = record.trials * record.replicates * record.budget.steps
    overhead = 15 + 10 * record.trials * record.replicates / concurrent  # start-up; evaluation and checkpoints of a trial
    weights = sum(parameter.numel() for parameter in run.model.parameters())
    disk = record.trials * record.replicates * (4 * weights + 50_000) + 5 * 10 * weights
    return Estimate(total, total / rate / concurrent + overhead, disk, rate, concurrent)


def describe(record: StudyRecord, dataset: Dataset, *, chosen: bool, measure: bool) -> list[str]:
    """The plan in a few lines; with `measure` also what it will take on this machine."""
    source = f"{dataset.source}, {len(dataset):,} images, digest {dataset.digest[:12]}"
    seeds = f" × {record.replicates} seeds" if record.replicates > 1 else ""
    lines = [f"note: {note}" for note in dataset.notes]
    size = f"{record.trials} trials{seeds} of {record.budget.steps:,} steps"
    lines += [
        f"study     {record.name}: space {record.space} on {dataset.name} ({source})",
        f"searches  {', '.join(f'{d} {m}' for m, d in zip(record.metrics, record.directions, strict=True))}; "
        f"sampler {record.sampler}, scheduler {record.scheduler}, seed {record.seed}",
        f"budget    {record.budget_name}: {size}; {record.budget.purpose}",
    ]
    if record.earlier:
        front = len(start_points(load_space(record.space), record))
        name = record.start.partition(":")[2]
        knows = f"; TPE knows its {len(record.earlier)} trials" if record.sampler == "tpe" else ""
        lines.append(f"begins    with {front} points of {name}'s front{knows}")
    if not chosen:
        why = "there is a GPU" if record.gpus_per_trial else "there is no GPU here"
        budgets = ", ".join(load_space(record.space).space.budgets)
        lines.append(f"          chosen because {why}; change it with --budget ({budgets}) and --trials")
    if measure:
        cost = estimate(record, dataset)
        lines.append(
            f"estimate  {cost.steps:,} steps, {cost.concurrent} trials at once with {cost.steps_per_second:.0f} steps/s each: "
            f"about {duration(cost.seconds)}; about {max(1, cost.disk >> 20)} MB on disk. Nothing was written."
        )
    return lines


def _first_config(space: LoadedSpace, record: StudyRecord) -> TrialConfig:
    """The first start point; in a space without any, a random point."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna_study = optuna.create_study(directions=list(record.directions), sampler=optuna.samplers.RandomSampler(seed=0))
    for point in space.space.start[:1]:
        optuna_study.enqueue_trial(dict(point))
    return space.configure(optuna_study.ask(), record.budget.steps, record.dataset["name"])
