"""From what a person asked for to a complete study record, checked before anything is written; and what it will cost.

A plan fails here or not at all: unknown names, metrics that the data cannot have, knobs out of range, GPUs that are not there.
The estimate is measured, not guessed: a few steps of the space's first start point on this machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from models.errors import UserError, unknown
from study.datasets import Dataset, absolute_dataset, check_options, dataset_record, load_dataset
from study.evaluate import check_metrics
from study.metrics import direction
from study.records.folder import Settings, StudyFolder, StudyRecord
from study.records.provenance import git_state, library_versions, now
from study.search.knobs import check_names
from study.search.prior import read_earlier
from study.search.samplers import SAMPLERS
from study.search.schedulers import SCHEDULERS
from study.search.starts import OF_STUDY, check_start
from study.spaces import LoadedSpace, load_space
from study.training.device import choose_device, describe_hardware, gpu_count

__all__ = ["Request", "check_address", "check_cpus", "check_disk", "check_storage", "plan"]

MEGABYTE = 2**20


class Request(Settings):
    """The command line's wishes for a new study; None means "choose for me"."""

    space: str
    name: str
    data: Path
    runs: Path = Path("runs")
    budget: str | None = None
    trials: int | None = Field(default=None, ge=1)
    metrics: str | None = None
    dataset: str | None = None
    gpus_per_trial: float | None = Field(default=None, ge=0)
    cluster: bool = False


def plan(request: Request) -> tuple[StudyRecord, Dataset]:
    """The study's record and its data set.  Raises `UserError` for anything that could not run."""
    for what, choices in (("sampler", SAMPLERS), ("scheduler", SCHEDULERS)):
        _choice(what, getattr(request, what), choices)
    check_start(request.start)
    if request.storage is not None:
        check_storage(request.storage, request.name)
    space = load_space(request.space, request.paired)
    check_names(space, steps=1)
    gpus = _gpus(request)
    budget_name = ("full" if gpus else "laptop") if request.budget is None else request.budget
    budget = space.budget(budget_name)
    metrics = _metrics(request, space)
    name = absolute_dataset(space.space.dataset if request.dataset is None else request.dataset)
    check_options(name, space.space.dataset_options, f"space {space.name}")
    dataset = load_dataset(name, request.data, **space.space.dataset_options)
    also = tuple(metric for metric in space.space.also if metric not in metrics)
    check_metrics(dataset, (*metrics, *also), request.replicates)
    record = StudyRecord(
        **{field: getattr(request, field) for field in Settings.model_fields},
        name=request.name,
        space=space.name,
        metrics=metrics,
        directions=tuple(direction(metric) for metric in metrics),
        also=also,
        budget_name=budget_name,
        budget=budget,
        trials=request.trials or (len(space.grid_points()) if request.sampler == "list" else budget.trials),
        gpus_per_trial=gpus,
        data=str(request.data.absolute()),
        dataset={**dataset_record(dataset), "name": name},
        versions=library_versions(),
        git=git_state(),
        hardware=describe_hardware(choose_device(0 if request.cluster else gpus)),
        started=now(),
        command=shlex.join(["python", "-m", "study.run", *sys.argv[1:]]),
    )
    check_cpus(record, cluster=request.cluster)
    if request.start.startswith(OF_STUDY):
        earlier = StudyFolder.find(request.start.removeprefix(OF_STUDY), request.runs)
        record = record.model_copy(update={"earlier": read_earlier(earlier, record, space)})
    return record, dataset


def _metrics(request: Request, space: LoadedSpace) -> tuple[str, ...]:
    """The searched metrics, each once.  Raises `UserError` for one that is named twice."""
    metrics = tuple(name.strip() for name in request.metrics.split(",")) if request.metrics is not None else space.space.metrics
    twice = [metric for metric in dict.fromkeys(metrics) if metrics.count(metric) > 1]
    if twice:
        raise UserError(f"each searched metric must be named once, but got {', '.join(metrics)}")
    return metrics


def check_cpus(record: StudyRecord, *, cluster: bool) -> None:
    """Raises `UserError` when a trial asks for more CPUs than this machine, alone, has: it would wait for ever."""
    have = os.cpu_count() or 1
    if record.cpus_per_trial > have and not cluster:
        raise UserError(f"--cpus-per-trial must be at most this machine's {have}, but got {record.cpus_per_trial}")


def check_storage(url: str, name: str) -> None:
    """Raises `UserError` when Optuna cannot keep the study `name` in the database at `url`."""
    import optuna

    if _holds_password(url):
        raise UserError(
            "--storage must not hold a password, because study.json keeps it: use the database's own way (PGPASSFILE)"
        )
    try:
        storage = optuna.storages.RDBStorage(url)
        names = optuna.study.get_all_study_names(storage)
        storage.engine.dispose()
    except ImportError:
        raise UserError(
            f"--storage {url} needs a driver: pip install 'vae-study[postgresql]' for postgresql+psycopg://"
        ) from None
    except Exception as error:  # SQLAlchemy's or the driver's
        said = str(error).strip() or type(error).__name__
        raise UserError(f"--storage {url} cannot be opened: {said.splitlines()[0]}") from None
    if name in names:
        raise UserError(f"--storage {url} has a study {name} already: choose another --name")


def _holds_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:  # no URL at all: SQLAlchemy says so
        return False


def check_address(address: str) -> None:
    """A quick look whether anything listens at a cluster's address: Ray itself would wait for a minute.

    Raises `UserError` when nothing does.
    """
    if address == "auto":
        return
    if address.startswith("ray://"):
        raise UserError(
            f"{address} is for Ray's client, through which Tune cannot search: run this command on a node of the cluster "
            "with --address auto, or give HOST:PORT"
        )
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise UserError(f"no Ray cluster answers at {address} ({error}); an address is HOST:PORT or auto") from None


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


def _choice(what: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise unknown(what, value, choices)
