"""Every interval that the product prints holds the truth as often as it says: at least 92 % where it says 95 %."""

from __future__ import annotations

import pytest

from tests.analysis.tables.coverage_simulations import CHEAP, EQUAL_KL, coverage

RUNS = 300
LEAST = 0.92 - 2 * (0.92 * 0.08 / RUNS) ** 0.5
"""Two standard errors of so few runs below 92 %; `tests/benchmarks/test_coverage.py` counts thousands."""


@pytest.mark.parametrize("name", CHEAP)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    assert coverage(CHEAP[name], RUNS) >= LEAST


@pytest.mark.parametrize("name", EQUAL_KL)
def test_equal_kinds_are_seldom_called_different(name: str) -> None:
    """With a straight line over ln KL, 17 % of those whose seeds differ little were."""
    assert coverage(EQUAL_KL[name], RUNS) >= 0.94 - 2 * (0.94 * 0.06 / RUNS) ** 0.5


def test_a_bootstrap_of_three_would_be_caught() -> None:
    """What used to be printed: the range of three values, called a 95 % interval."""
    from tests.analysis.tables.coverage_simulations import median_of, normal

    assert coverage(median_of(3, normal), RUNS) < 0.85
