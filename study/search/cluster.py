"""The Ray side of a search: connecting to a cluster, what it can run, and whether all its nodes see the study's folder."""

from __future__ import annotations

import logging
import math
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna

from models.errors import UserError
from study.records.folder import StudyRecord
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome
from study.search.trial import TrialSpec, run_trial, scratch_folder

WORKER_DIED = "the worker process died twice (killed, or out of memory)"
LONGEST = 39  # bytes of TMPDIR; Ray adds /ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store

__all__ = ["WORKER_DIED", "check_shared", "concurrency", "idle_gpus", "ray_cluster", "retrain", "slots"]


@contextmanager
def ray_cluster(address: str | None, gpus_per_trial: float, *, dashboard: bool = True) -> Iterator[Any]:
    """A connection to the cluster at `address`, or a cluster of this machine; its context knows the dashboard's address.

    dashboard: start one with a cluster of this machine; it takes a third of the start and about 1 GB.

    Raises `UserError` when nothing answers at the address, or GPUs are asked for where there are none.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Ctrl-C is ours: it must leave a study that resumes
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    os.environ["TUNE_DISABLE_STRICT_METRIC_CHECKING"] = "1"  # reports that cannot be compared fairly have no metric to stop by
    # Workers started ahead could not take Tune's actors (another environment), and delay the first trials by three seconds.
    os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # Tune's own screen; ours replaces it
    import ray

    _silence()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Nothing of ours goes through the object store (data is memory-mapped), so it can stay small.
        # "local": an address in the environment, or another cluster on this machine, is not what was asked for.
        options |= {"address": "local", "include_dashboard": dashboard, "object_store_memory": 100 * 2**20}
        options |= _short_temporary_folder()
    else:
        options |= {"address": address}
    try:
        context = ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise UserError(f"no Ray cluster could be reached at {address or 'this machine'}: {error}") from None
    try:
        available = ray.cluster_resources().get("GPU", 0)
        if gpus_per_trial > available:
            raise UserError(f"--gpus-per-trial {gpus_per_trial:g} needs a GPU, but this Ray cluster has {available:g}")
        yield context
    finally:
        ray.shutdown()


def _short_temporary_folder() -> dict[str, Any]:
    """/tmp where TMPDIR is long: Ray's sockets lie below it, and the system takes 107 bytes for a socket's path."""
    wanted = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or ""
    return {"_temp_dir": "/tmp/ray"} if len(os.fsencode(wanted)) > LONGEST else {}


def _silence() -> None:
    """Tune's own chatter is off: the screen is ours.  Errors still come through, as trial rows and logs."""
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def check_shared(folder: Path, remote: str | None = None) -> None:
    """On a cluster of several nodes, every node must see the study's folder, or else its mirror.

    What killed workers of a mirrored study have left on a node is removed: nothing of it runs now.

    Raises `UserError` naming those that do not, and why a store cannot be used from there.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:  # this machine, whose driver has asked the store already
        _clear(remote)
        return
    seen = ray.remote(num_cpus=0)(_blind)
    answers = [
        seen.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(folder, remote)
        for node in nodes
    ]
    reasons = dict(zip((node["NodeManagerAddress"] for node in nodes), ray.get(answers), strict=True))
    blind = [address for address, reason in reasons.items() if reason]
    if blind and remote is not None:
        raise UserError(f"every node must read and write the study's mirror, but on {blind[0]} {reasons[blind[0]]}")
    if blind:
        raise UserError(
            f"every node must see the study's folder, but {', '.join(blind)} cannot see {folder}: "
            "give --out a folder on storage that all nodes share, or a URL (docs/cluster.md)"
        )


def _blind(folder: Path, remote: str | None) -> str | None:
    """In a worker: why its node cannot work on the study; None where it can."""
    if remote is None:
        return None if (folder / "study.json").is_file() else "it is not there"
    try:
        _clear(remote)
        Mirror(folder, remote).check()
    except UserError as error:
        return str(error)
    return None


def _clear(remote: str | None) -> None:
    if remote is not None:
        shutil.rmtree(scratch_folder(remote), ignore_errors=True)


def concurrency(record: StudyRecord) -> int:
    """How many trials the cluster can run at once: those that fit each node, or what --concurrent says.

    The latter may be more than fit now: Tune asks for the rest, and an autoscaler brings nodes.  Raises `UserError` when a trial
    fits no node.
    """
    import ray

    if record.concurrent is not None:
        return record.concurrent
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    count = sum(slots(record, node.get("CPU", 0), node.get("GPU", 0)) for node in nodes)
    if count < 1:
        largest = ", ".join(f"{node.get('CPU', 0):g} and {node.get('GPU', 0):g}" for node in nodes)
        raise UserError(
            f"a trial needs {record.cpus_per_trial} CPUs and {record.gpus_per_trial:g} GPUs of one node, but the nodes have "
            f"{largest}; on a cluster that grows, say with --concurrent how many trials may run at once"
        )
    return count


def slots(record: StudyRecord, cpus: float, gpus: float) -> int:
    """How many trials one node can hold.  A trial's share of a GPU is of one GPU: of 0.6, each GPU holds one.

    Ray takes several whole GPUs of a node for a trial that asks for more than one.
    """
    fit = int(cpus // record.cpus_per_trial)
    share = record.gpus_per_trial
    if 0 < share < 1:
        fit = min(fit, int(gpus) * math.floor(1 / share + 1e-9))
    elif share >= 1:
        fit = min(fit, math.floor(gpus / share + 1e-9))
    return fit


def idle_gpus(record: StudyRecord) -> list[str]:
    """A note where the connected cluster has GPUs and the study leaves them idle."""
    import ray

    gpus = ray.cluster_resources().get("GPU", 0)
    if not gpus or record.gpus_per_trial:
        return []
    return [f"this cluster has {gpus:g} GPUs, and the trials train on CPUs: --gpus-per-trial 0.25 puts four on a GPU"]


def retrain(specs: Sequence[TrialSpec]) -> Iterator[tuple[TrialSpec, Outcome]]:
    """Run trials that nobody searches (confirmations), on the connected cluster; yields each with its outcome as they come.

    A training that fails, or whose worker dies twice, is an outcome as well.
    """
    import ray

    def outcome_of(spec: TrialSpec) -> tuple[TrialSpec, Outcome]:
        *_, last = run_trial(spec)
        assert isinstance(last, Outcome)
        return spec, last

    remote = ray.remote(max_retries=1)(outcome_of)
    waiting = {remote.options(num_cpus=spec.cpus, num_gpus=spec.gpus).remote(spec): spec for spec in specs}
    while waiting:
        (done, *_), _ = ray.wait([*waiting], num_returns=1)
        spec = waiting.pop(done)
        try:
            yield ray.get(done)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, AwayError):
                raise cause from None
            died = isinstance(error, (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError))
            yield spec, Outcome.failed(WORKER_DIED if died else f"{type(cause).__name__}: {cause}", **spec.described())
