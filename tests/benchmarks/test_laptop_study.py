"""The default laptop study, watched from outside: wall time, memory, the scheduler's share, time to the first step.

A quarter of an hour for each choice of metrics: `pytest tests/benchmarks/test_laptop_study.py -m benchmark -s -k mig`
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from study.records.folder import StudyFolder
from study.records.tables import read_table

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

GIB = 2**30


def memory_of(process: psutil.Process) -> int:
    """Bytes of a process and its descendants; pages that several of them share are counted once (PSS)."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss
    return total


@pytest.mark.parametrize("metrics", ["recon,mig", "recon,dci_forest_disentanglement"])
def test_the_laptop_study(metrics: str, tmp_path: Path, data_folder: Path, dsprites: object) -> None:
    command = [sys.executable, "-m", "study.run", "--space", "dsprites_capacity", "--budget", "laptop", "--name", "laptop"]
    command += ["--metrics", metrics]
    folders = ["--out", str(tmp_path), "--registry", str(tmp_path / "_registry"), "--data", str(data_folder)]
    started = time.monotonic()
    driver = psutil.Popen([*command, *folders], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    first_step, peak = 0.0, 0
    first_log = tmp_path / "laptop" / "logs" / "trial-000.log"
    while driver.poll() is None:
        if first_step:
            peak = max(peak, memory_of(driver))  # reading it costs the kernel half a second: seldom, and not during the start
        elif first_log.is_file():
            first_step = time.monotonic() - started
        time.sleep(10 if first_step else 0.1)
    wall = time.monotonic() - started
    print("\n" + driver.stdout.read())
    assert driver.returncode == 0

    folder = StudyFolder(tmp_path / "laptop")
    trials, replicates = read_table(folder, "trials"), read_table(folder, "replicates")
    begun = pd.to_datetime(trials["started"])
    ended = begun + pd.to_timedelta(trials["wall_seconds"], unit="s")
    search_seconds = (ended.max() - begun.min()).total_seconds() + first_step
    lanes = os.cpu_count() or 1
    idle_tail = sum(sorted((ended.max() - ended).dt.total_seconds())[:lanes])  # no trial is left for a core: not Ray's doing
    trained = replicates["seconds"].sum() + replicates["evaluation_seconds"].sum()
    overhead = 1 - trained / (lanes * search_seconds - idle_tail)
    usable = trials[trials["status"] == "complete"]
    print(f"{len(trials)} trials ({len(usable)} usable) in {wall / 60:.1f} min, search {search_seconds / 60:.1f} min")
    print(f"best MIG {usable['mig'].max():.3f}, best reconstruction {usable['recon'].min():.1f} nats (n = 1 seed, validation)")
    print(f"first training step after {first_step:.1f} s; peak memory {peak / GIB:.2f} GiB")
    print(
        f"of {lanes} × {search_seconds / 60:.1f} min less {idle_tail:.0f} s without a trial, {overhead:.1%} was overhead:",
        end=" ",
    )
    print("neither training nor evaluation, so Ray, Optuna and the start of every process with its imports")
    assert wall <= 20 * 60
    assert len(trials) >= 16
    assert peak <= 4 * GIB
    assert first_step <= 15
    assert overhead <= 0.05
