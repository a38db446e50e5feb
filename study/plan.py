"""From what a person asked for to a complete study record, checked before anything is written; and what it will cost.

A plan fails here or not at all: unknown names, metrics that the data cannot have, knobs out of range, GPUs that are not there.
The estimate is measured, not guessed: a few steps of the space's first start point on this machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from models.config import Config
from models.errors import UserError
from registry.console import duration
from study.config import TrialConfig
from study.dataset import Dataset
from study.datasets import load_dataset
from study.device import choose_device, describe_hardware, gpu_count
from study.evaluate import check_metrics
from study.folder import StudyRecord, git_state, library_versions, now
from study.metrics import direction
from study.space import LoadedSpace, load_space
from study.train import Run
from study.trial import dataset_record

__all__ = ["SAMPLERS", "SCHEDULERS", "Estimate", "Request", "check_address", "check_disk", "describe", "estimate", "plan"]

STARTS = ("space", "recipes", "none")
SAMPLERS = ("tpe", "nsga2", "random", "qmc", "list")
SCHEDULERS = ("none", "asha", "median")


MEGABYTE = 2**20


class Request(Config):
    """The command line's wishes; None means "choose for me"."""

    space: str
    name: str
    data: Path
    budget: str | None = None
    trials: int | None = None
    metrics: str | None = None
    dataset: str | None = None
    seed: int = 0
    replicates: int = 1
    sampler: str = "tpe"
    start: str = "space"
    scheduler: str = "none"
    cpus_per_trial: int = 1
    gpus_per_trial: float | None = Field(default=None, ge=0)
    reuse_actors: bool = False
    cluster: bool = False


class Estimate(NamedTuple):
    """What a study will cost on this machine: steps of all trials, wall seconds, bytes in its folder."""

    steps: int
    seconds: float
    disk: int
    steps_per_second: float
    concurrent: int


def plan(request: Request) -> tuple[StudyRecord, Dataset]:
    """The study's record and its data set.  Raises `UserError` for anything that could not run."""
    _choice("sampler", request.sampler, SAMPLERS)
    _choice("scheduler", request.scheduler, SCHEDULERS)
    _choice("start", request.start, STARTS)
    space = load_space(request.space)
    gpus = _gpus(request)
    budget_name = request.budget or ("full" if gpus else "laptop")
    budget = space.budget(budget_name)
    metrics = tuple(request.metrics.split(",")) if request.metrics else space.space.metrics
    directions = tuple(direction(metric) for metric in metrics)
    name = request.dataset or space.space.dataset
    dataset = load_dataset(name, request.data, **space.space.dataset_options)
    check_metrics(dataset, metrics, request.replicates)
    trials = request.trials or (len(space.grid_points()) if request.sampler == "list" else budget.trials)
    record = StudyRecord(
        name=request.name,
        space=space.name,
        metrics=metrics,
        directions=directions,
        also=tuple(metric for metric in space.space.also if metric not in metrics),
        budget_name=budget_name,
        budget=budget,
        trials=trials,
        replicates=request.replicates,
        sampler=request.sampler,
        start=request.start,
        reuse_actors=request.reuse_actors,
        scheduler=request.scheduler,
        seed=request.seed,
        cpus_per_trial=request.cpus_per_trial,
        gpus_per_trial=gpus,
        data=str(request.data),
        dataset={**dataset_record(dataset), "name": name},
        versions=library_versions(),
        git=git_state(),
        hardware=describe_hardware(choose_device(0 if request.cluster else gpus)),
        started=now(),
        command=shlex.join(["python", "-m", "study.run", *sys.argv[1:]]),
    )
    return record, dataset


def check_address(address: str) -> None:
    """A quick look whether anything listens at a cluster's address: Ray itself would wait for a minute.

    Raises `UserError` when nothing does.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"no Ray cluster answers at {address} ({error}); an address is HOST:PORT, ray://HOST:PORT or auto"
        ) from None


def check_disk(runs: Path, record: StudyRecord) -> None:
    """Raises `UserError` when the disk of `runs` has clearly too little room for the study's models."""
    existing = next(folder for folder in (runs, *runs.parents) if folder.exists())
    free, need = shutil.disk_usage(existing).free, 20 * MEGABYTE + record.trials * record.replicates * 5 * MEGABYTE
    if free < need:
        raise UserError(
            f"{record.trials} trials need about {need // MEGABYTE} MB, but {existing} has {free // MEGABYTE} MB free: "
            "choose another --out or fewer --trials"
        )


def estimate(record: StudyRecord, dataset: Dataset, steps: int = 20) -> Estimate:
    """Measure a few steps of the first start point, as one of several concurrent trials would run them."""
    import torch

    torch.set_num_threads(record.cpus_per_trial)
    space = load_space(record.space)
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
    if not chosen:
        why = "there is a GPU" if record.gpus_per_trial else "there is no GPU here"
        lines.append(f"          chosen because {why}; change it with --budget smoke, laptop or full, and --trials")
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


def _gpus(request: Request) -> float:
    """The GPU share of a trial.  Raises `UserError` when one is asked for and this machine, alone, has none."""
    available = gpu_count()
    if request.gpus_per_trial is None:
        return 0.25 if available and not request.cluster else 0.0
    if request.gpus_per_trial > 0 and not available and not request.cluster:
        raise UserError(f"--gpus-per-trial {request.gpus_per_trial:g} needs a GPU, but torch sees none on this machine")
    return request.gpus_per_trial


def _choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"unknown {what} {value!r}: choose one of {', '.join(choices)}")
