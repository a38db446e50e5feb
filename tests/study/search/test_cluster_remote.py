"""A cluster without a shared disk: three real nodes on this machine, two of which cannot see the driver's folder; one is killed.

Each node is in a mount namespace of its own; those that only work have an empty file system where the driver has its study.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.records.folder import StudyFolder
from study.records.tables import read_table
from study.search.journal import load_optuna_study
from tests.s3 import free_port
from tests.study.test_remote import REPOSITORY, SMALL, check_whole

pytestmark = pytest.mark.slow

RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1", "--disable-usage-stats")
TRIALS = 4


@contextmanager
def node(name: str, folder: Path, hidden: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A node whose trials work below `folder`.  hidden: what it must not see; the head sees all."""
    command = f"exec {shlex.join([*RAY, *arguments])}"
    if "--head" not in arguments:
        command = f"mount -t tmpfs tmpfs {shlex.quote(str(hidden))} && {command}"
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", command],
            env={**os.environ, "VAE_SCRATCH": str(folder / name), "PYTHONPATH": str(REPOSITORY),
                 "RAY_raylet_start_wait_time_s": "200"},  # a busy machine: Ray gives up after 30
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            lose(process)


def lose(process: subprocess.Popen[bytes]) -> None:
    """The node is gone at once, with everything that runs on it: all that is in its namespace."""
    if process.poll() is not None:
        return
    own = namespace(process.pid)
    assert own != namespace(os.getpid())
    for pid in [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]:
        if namespace(pid) == own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def namespace(pid: int) -> str:
    """Of mounts; empty where the process has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return ""


def until(what: str, true: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} after {seconds} s"
        time.sleep(0.3)


def started(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether a node says so.  Raises `AssertionError` when it has given up."""
    assert process.poll() is None, log.read_text()
    return "Ray runtime started" in log.read_text()


@pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0, reason="no mount namespaces here"
)
@pytest.mark.timeout(900)
def test_nodes_that_share_no_disk_search_together_and_one_is_lost(
    tmp_path: Path, bucket: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")  # a head asks for it by itself, and others must be told
    driver, port = tmp_path / "driver", free_port()
    driver.mkdir()
    address = f"127.0.0.1:{port}"
    with node("head", tmp_path, driver, "--head", "--port", str(port), "--include-dashboard", "false") as head:
        until("no head", lambda: started(head, tmp_path / "head.log"))
        with (
            node("lost", tmp_path, driver, "--address", address) as lost,
            node("kept", tmp_path, driver, "--address", address) as kept,
        ):
            command = [
                sys.executable, "-m", "study.run", *SMALL, "--trials", str(TRIALS), "--name", "s", "--address", address,
                "--concurrent", "3", "--out", f"{bucket}/runs", "--data", data_folder, "--registry", driver / "registry",
            ]  # fmt: skip
            environment = {**os.environ, "VAE_RUNS": str(driver / "runs")}
            with subprocess.Popen(
                [*map(str, command)], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as search:
                try:
                    until("no trial", lambda: search.poll() is not None or list((tmp_path / "lost").rglob("trial-*.log")))
                    begun = {path.name for path in (tmp_path / "lost").rglob("trial-*.log")}
                    lose(lost)
                    printed, _ = search.communicate(timeout=500)
                finally:
                    search.kill()
            assert search.returncode == 0, printed
            seen = Path(f"/proc/{kept.pid}/root{driver}")
            assert list(seen.iterdir()) == [], "a node that only works has written nothing where the driver's folder would be"
    folder = StudyFolder(driver / "runs" / "s")
    check_whole(folder)
    assert [trial.state.name for trial in load_optuna_study(folder).trials] == ["COMPLETE"] * TRIALS
    assert set(read_table(folder, "trials")["status"]) <= {"complete", "collapsed"}, "each has its own result, however short"
    assert begun and all((folder.path / "logs" / name).is_file() for name in begun), "the lost node's trial ended on another"
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()], "a node keeps nothing"
