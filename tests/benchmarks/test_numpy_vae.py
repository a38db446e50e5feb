"""The VAE from scratch against PyTorch: speed and memory.  Run with `pytest tests/benchmarks -m benchmark -s`."""

from __future__ import annotations

import pytest

from study.reproduction.numpy_cost import compare, sheet

pytestmark = pytest.mark.benchmark


def test_numpy_against_torch() -> None:
    """No target: the figures say what a library is worth.  NumPy's process must be the smaller one: it loads no torch."""
    costs = compare()
    print("\n" + sheet(costs))
    by_key = {(cost.library, cost.network): cost for cost in costs}
    for network in ("mlp", "cnn"):
        ours, theirs = by_key["numpy", network], by_key["torch", network]
        assert ours.seconds_per_step > 0 and theirs.seconds_per_step > 0
        assert ours.peak_mb < theirs.peak_mb
