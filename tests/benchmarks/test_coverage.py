"""What every printed interval covers, counted.  `pytest tests/benchmarks/test_coverage.py -m benchmark -s`, about two minutes."""

from __future__ import annotations

import pytest

from tests.analysis.tables.coverage_simulations import CHEAP, coverage

pytestmark = pytest.mark.benchmark

RUNS = 2_000


def test_every_interval_covers_at_least_92_per_cent() -> None:
    found = {name: coverage(simulation, RUNS) for name, simulation in CHEAP.items()}
    print("\n| interval (nominal 95 %) | covers |\n|---|---|")
    for name, share in found.items():
        print(f"| {name} | {100 * share:.1f} % |")
    assert min(found.values()) >= 0.92
