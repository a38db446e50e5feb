"""From what a person asked for to a complete study record, checked before anything is written; and what it will cost.

A plan fails here or not at all: unknown names, metrics that the data cannot have, knobs out of range, GPUs that are not there.
The estimate is measured, not guessed: a few steps of the space's first start point on this machine.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
from pathlib import Path

from pydantic import Field

from models.config import Config
from models.errors import UserError
from study.datasets import Dataset, dataset_record, load_dataset
from study.evaluate import check_metrics
from study.metrics import direction
from study.records.folder import StudyRecord
from study.records.provenance import git_state, library_versions, now
from study.spaces import load_space
from study.training.device import choose_device, describe_hardware, gpu_count

__all__ = ["SAMPLERS", "SCHEDULERS", "Request", "check_address", "check_disk", "plan"]

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
