"""What every printed interval covers, counted.  `pytest tests/benchmarks/test_coverage.py -m benchmark -s`, about two minutes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.analysis.tables.coverage_simulations import CHEAP, DEPENDENCES, EQUAL_KL, Simulation, coverage, importance_coverage

pytestmark = pytest.mark.benchmark

RUNS = 2_000


def test_every_interval_covers_at_least_92_per_cent() -> None:
    found = _counted(CHEAP)
    assert min(found.values()) >= 0.92


def test_equal_kinds_are_called_different_at_most_6_times_in_100() -> None:
    found = _counted(EQUAL_KL)
    assert min(found.values()) >= 0.94


@pytest.mark.parametrize("trials", [16, 40])
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_importances_are_covered(dependence: str, trials: int) -> None:
    """About a minute each; of 120 studies the share has a standard error of 2 points."""
    found = importance_coverage(dependence, trials, 120)
    print(f"\n| importance of knobs, {dependence}, {trials} trials | " + ", ".join(f"{100 * s:.0f} %" for s in found.values()))
    assert min(found.values()) >= 0.92 - 2 * 0.025


def _counted(simulations: Mapping[str, Simulation]) -> dict[str, float]:
    found = {name: coverage(simulation, RUNS) for name, simulation in simulations.items()}
    print("\n| interval (nominal 95 %) | covers |\n|---|---|")
    for name, share in found.items():
        print(f"| {name} | {100 * share:.1f} % |")
    return found
