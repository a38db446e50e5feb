"""What Ray calls by another name than an actor's death is one, too."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayActorError

from study.records.folder import StudyFolder
from study.records.tables import read_table
from study.search.cluster import WORKER_DIED
from study.search.deaths import every_death_is_the_actors

SMOKE = ("--space", "dsprites_capacity", "--budget", "smoke", "--trials", "2", "--name", "starved", "--no-dashboard")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_machine_without_memory_loses_trials_and_not_the_study(tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    """Ray's memory monitor kills every worker: to it this machine is always full."""
    places = ("--out", tmp_path, "--registry", tmp_path / "_registry", "--data", data_folder)
    done = subprocess.run(
        [sys.executable, "-m", "study.run", *SMOKE, *map(str, places)],
        env=os.environ | {"RAY_memory_usage_threshold": "0.01"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    trials = read_table(StudyFolder(tmp_path / "starved"), "trials")
    assert trials["reason"].tolist() == [WORKER_DIED] * 2, done.stdout + done.stderr


def test_ray_calls_what_stands_in_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the very keywords of the installed Ray: a study ended with a TypeError when a node was lost."""
    seen: list[Exception] = []

    def failed(manager: object, **told: Exception) -> None:
        seen.append(told["exception"])

    names = [*inspect.signature(RayActorManager._actor_task_failed).parameters][1:]
    assert names == ["tracked_actor_task", "exception"]
    monkeypatch.setattr(RayActorManager, "_actor_task_failed", failed)
    with every_death_is_the_actors():
        for raised in (ActorUnavailableError("reset by peer", b"1" * 16), OutOfMemoryError("full"), ValueError("its own")):
            RayActorManager._actor_task_failed(None, **dict(zip(names, (None, raised), strict=True)))
    assert [type(each) for each in seen] == [ActorUnavailableError, RayActorError, ValueError]
