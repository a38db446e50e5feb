"""Ten studies, each hit by four faults at random moments: nothing is lost, nothing runs twice, nothing stays behind.

    pytest tests/study/search/test_soak.py -m slow -s

takes about half an hour on two quiet cores and prints what was done to whom and when.  The faults: kill -9 of the driver, of a
worker, of the raylet; kill -9 and a journal cut at a random byte; a full disk; a second driver.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest

from study.records.folder import StudyFolder
from study.records.outcome import is_usable, status_of
from study.records.tables import read_table
from study.search.journal import RETRY_OF, finished_trials, load_optuna_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

REPOSITORY = Path(__file__).parents[3]
STUDIES, FAULTS, TRIALS = 10, 4, 8
ROOM = 600 * 2**20  # bytes of the disk that is filled
PATIENCE = 240  # seconds until a driver that was hit has ended
LONGEST = 2_400  # seconds for eight trials, a minute on a quiet machine


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, so that it can be filled; root only."""
    if os.geteuid() != 0:
        pytest.skip("a disk can be mounted by root only")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(tmp_path)], check=True)
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


class Soak:
    """One study and whoever drives it."""

    def __init__(self, disk: Path, data: Path, seed: int) -> None:
        self.disk, self.random, self.began = disk, random.Random(seed), time.monotonic()
        self.folder = StudyFolder(disk / "soak")
        self.places = ["--out", str(disk), "--registry", str(disk / "_registry"), "--no-dashboard"]
        self.start = ["--space", "dsprites_capacity", "--budget", "smoke", "--trials", str(TRIALS), "--name", "soak"]
        self.start += ["--data", str(data), "--seed", str(seed)]
        self.driver: subprocess.Popen[bytes] | None = None
        self.log: list[str] = []

    def say(self, text: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:6.1f} s  {text}")
        print(self.log[-1], flush=True)

    def drive(self) -> None:
        """Start or resume, unless somebody drives it already; returns once a trial runs, or all is done."""
        if self.driver is not None and self.driver.poll() is None:
            return
        begun = (self.folder.path / "study.json").is_file()
        asked = ["--resume", "soak"] if begun else self.start
        with (self.disk.parent / f"{self.disk.name}.out").open("ab") as out:
            command = [sys.executable, "-m", "study.run", *asked, *self.places]
            self.driver = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=out, start_new_session=True)
        self._until(lambda: self.driver.poll() is not None or bool(self.workers()), "a trial runs")

    def family(self) -> list[psutil.Process]:
        assert self.driver is not None
        try:
            return psutil.Process(self.driver.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        return [process for process in self.family() if _title(process).startswith("ray::TrialActor")]

    def kill_driver(self) -> None:
        left = self.family()
        assert self.driver is not None
        self.driver.kill()
        self.driver.wait()
        psutil.wait_procs(left, timeout=30)
        for orphan in left:  # workers outlive the raylet for some seconds
            if orphan.is_running():
                orphan.kill()

    def kill_worker(self) -> None:
        """The driver goes on: Ray starts the trial once more."""
        workers = self.workers()
        if workers:
            self.random.choice(workers).kill()

    def kill_raylet(self) -> None:
        for raylet in [process for process in self.family() if process.name() == "raylet"]:
            raylet.kill()
        self.ended({1})

    def cut_journal(self) -> None:
        self.kill_driver()
        size = self.folder.journal.stat().st_size
        with self.folder.journal.open("r+b") as journal:
            journal.truncate(self.random.randrange(size * 3 // 4, size))

    def fill_disk(self) -> None:
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            _write_on(file)
        try:
            self.ended({0, 1, 2, 130})
        finally:
            ballast.unlink()

    def second_driver(self) -> None:
        """One line, status 2; the first goes on."""
        command = [sys.executable, "-m", "study.run", "--resume", "soak", *self.places]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE)
        assert self.driver is not None
        if self.driver.poll() is None:
            assert done.returncode == 2 and "a study has one driver at a time" in done.stderr, done.stdout + done.stderr

    def ended(self, statuses: set[int]) -> None:
        assert self.driver is not None
        status = self.driver.wait(timeout=PATIENCE)
        assert status in statuses, status

    def finish(self) -> None:
        """Resume, as often as something was left, until the study says that it is done."""
        for _ in range(3):
            self.drive()
            assert self.driver is not None
            if self.driver.wait(timeout=LONGEST) == 0:
                return
        raise AssertionError("the study does not end")

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, f"{PATIENCE} s until {what}"
            time.sleep(0.1)


def _write_on(file: BinaryIO) -> None:
    while True:
        file.write(bytes(2**16))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@pytest.mark.parametrize("seed", range(STUDIES))
def test_a_study_survives_whatever_happens(seed: int, disk: Path, data_folder: Path, dsprites: object) -> None:
    soak = Soak(disk, data_folder, seed)
    kinds = [Soak.kill_driver, Soak.kill_worker, Soak.kill_raylet, Soak.cut_journal, Soak.fill_disk, Soak.second_driver]
    try:
        for fault in soak.random.sample(kinds, FAULTS):
            soak.drive()
            time.sleep(soak.random.uniform(0, 8))
            soak.say(f"study {seed}: {fault.__name__}")
            fault(soak)
        soak.finish()
    finally:
        if soak.driver is not None and soak.driver.poll() is None:
            os.killpg(soak.driver.pid, signal.SIGKILL)
    optuna_study = load_optuna_study(soak.folder)
    trials = optuna_study.get_trials(deepcopy=False)
    words = Counter(map(status_of, trials))
    soak.say(f"study {seed}: {dict(words)}")
    assert not {"running", "waiting"} & set(words)
    assert len(finished_trials(optuna_study)) == TRIALS
    retries = [trial.user_attrs[RETRY_OF] for trial in trials if RETRY_OF in trial.user_attrs]
    assert sorted(retries) == [trial.number for trial in trials if status_of(trial) == "interrupted"]
    table = read_table(soak.folder, "trials")
    assert [(row.trial, row.state, row.status) for row in table.itertuples()] == [
        (trial.number, trial.state.name, status_of(trial)) for trial in trials
    ]
    usable = table[table["status"].map(is_usable)]
    assert not table["reason"].str.contains("No space left", na=False).any(), "a full disk is no trial's result"
    assert usable["config_digest"].is_unique
    assert set(read_table(soak.folder, "history")["trial"]) >= set(usable["trial"])
    assert not list(soak.folder.path.glob("checkpoints/*"))
