"""How long a person waits for `--help`: CPU seconds of the whole process, the median of three.

pytest tests/benchmarks/test_help_speed.py -m benchmark -s
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

import pytest

from tests.test_command_lines import MODULES, spoken

pytestmark = pytest.mark.benchmark

SECONDS = 0.6


@pytest.mark.parametrize("name", [*map(spoken, MODULES), "study", "analysis"])
def test_help(name: str) -> None:
    seconds = statistics.median(cpu(name) for _ in range(3))
    print(f"\n{name} --help: {seconds:.2f} s of CPU")
    assert seconds <= SECONDS


def cpu(name: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", name, "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
