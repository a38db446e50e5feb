"""How long data sets take to be made and opened.  Run with `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from study.datasets import load_dataset
from tests.study.datasets.dataset_trees import write_pictures

pytestmark = pytest.mark.benchmark


def test_dsprites_is_drawn_in_30_seconds_and_opened_in_one(tmp_path):
    drawing, opening = _timed(tmp_path), min(_timed(tmp_path) for _ in range(5))
    start = time.perf_counter()
    _, peak = _fresh_process("dsprites", tmp_path)
    process = time.perf_counter() - start

    print(f"\ndSprites: drawn {drawing:.1f} s, opened {opening:.2f} s, in a new process {process:.2f} s and {peak:.0f} MB")
    assert drawing <= 30
    assert opening <= 1
    shutil.rmtree(tmp_path / "dsprites")


def _timed(data) -> float:
    start = time.perf_counter()
    load_dataset("dsprites", data=data)
    return time.perf_counter() - start


def test_dsprites_batches(dsprites):
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(500):
        dsprites.images[rng.integers(0, len(dsprites), 64)]
    print(f"\ndSprites: {500 / (time.perf_counter() - start):.0f} random batches of 64 a second")


def test_folder_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    """2,000 pictures of 640×480, as 64×64 RGB: 25 MB of result."""
    for part in range(100):
        write_pictures(tmp_path / "mine" / f"{part:03d}", count=20, size=(640, 480), suffix="jpg")
    name = f"folder:{tmp_path / 'mine'}"
    (seconds, peak), (opened, _) = _fresh_process(name, tmp_path), _fresh_process(name, tmp_path)
    print(f"\nfolder: 2000 pictures in {seconds:.1f} s, peak {peak:.0f} MB; opened in {opened:.2f} s")
    assert peak < 300


def _fresh_process(name, data) -> tuple[float, float]:
    """Seconds to load, and peak memory in MB (Linux: a parent's peak is not counted), in a new process."""
    code = (
        "import sys, time; from study.datasets import load_dataset\n"
        "start = time.perf_counter(); load_dataset(sys.argv[1], data=sys.argv[2])\n"
        "seconds = time.perf_counter() - start\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]\n"
        "print(seconds, int(peak) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, name, str(data)], check=True, capture_output=True, text=True)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak
