"""The same command on a Ray cluster: two real nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.config import TrialConfig
from study.records.folder import StudyFolder
from study.records.tables import read_table
from study.search.cluster import LONGEST, ray_cluster, retrain
from study.search.journal import load_optuna_study
from study.search.trial import TrialSpec

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]


def test_a_lost_node_costs_no_trial(tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        search = ["--space", "dsprites_capacity", "--budget", "smoke", "--trials", "4", "--name", "spread"]
        places = ["--out", tmp_path, "--registry", tmp_path / "_registry", "--data", data_folder]
        command = [sys.executable, "-m", "study.run", *search, "--address", cluster.address, *places]
        never = subprocess.run(
            [*map(str, command), "--cpus-per-trial", "9"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
        )
        assert (
            never.returncode == 2
            and "a trial needs 9 CPUs and 0 GPUs of one node, but the nodes have 1 and 0, 1 and 0" in never.stderr
        )
        assert not (tmp_path / "spread").exists(), "its name is free"
        driver = subprocess.Popen(
            [*map(str, command)], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        table = tmp_path / "spread" / "trials.parquet"
        deadline = time.monotonic() + 240
        while not table.is_file() and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
        cluster.remove_node(second, allow_graceful=False)
        printed, _ = driver.communicate(timeout=400)
        assert driver.returncode == 0, printed
    finally:
        cluster.shutdown()
    folder = StudyFolder(tmp_path / "spread")
    assert [t.state.name for t in load_optuna_study(folder).trials] == ["COMPLETE"] * 4
    # 120 steps are too few for the fourth start point to leave the mean image: an outcome like others.
    assert set(read_table(folder, "trials")["status"]) <= {"complete", "collapsed"}


def test_a_confirmation_that_fails_is_an_outcome_and_the_others_come(tmp_path: Path, data_folder: Path) -> None:
    config = TrialConfig(dataset="digits", architecture="mlp", training={"steps": 20, "batch_size": 32})
    spec = TrialSpec(
        number=1, config=config, root_seed=0, replicates=1, metrics=("recon", "kl"), points=100, folder=tmp_path, data=data_folder
    )
    nowhere = spec.model_copy(update={"config": config.model_copy(update={"dataset": "folder:/nowhere"}), "number": 2})
    with ray_cluster(None, 0, dashboard=False):
        found = {spec.number: outcome for spec, outcome in retrain([spec, nowhere])}
    assert found[1].status in ("complete", "collapsed") and found[2].status == "failed"
    assert found[2].reason.startswith("UserError: ") and "/nowhere" in found[2].reason


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 120])
def test_ray_starts_below_a_long_temporary_folder(length: int) -> None:
    """A process id has up to seven digits, and a socket's path 107 bytes.  An address in the environment is not asked for."""
    longest = "/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
    assert LONGEST + len(longest) == 107
    base = Path("/tmp") / f"t{os.getpid()}"
    wanted = base / ("x" * (length - len(str(base)) - 1))
    wanted.mkdir(parents=True)
    script = "from study.search.cluster import ray_cluster\nwith ray_cluster(None, 0, dashboard=False):\n    print('started')"
    environment = {**os.environ, "TMPDIR": str(wanted), "RAY_ADDRESS": "127.0.0.1:1", "PYTHONPATH": str(REPOSITORY)}
    try:
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
        assert done.stdout == "started\n", done.stderr
        assert (wanted / "ray").exists() == (length <= LONGEST)
    finally:
        shutil.rmtree(base)
