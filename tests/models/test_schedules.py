"""Schedules: bounded, monotone, exact at both ends, and continuous."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.schedules import cyclic, ramp

fractions = st.floats(0, 1)
values = st.floats(1e-3, 1e4)
shapes = st.sampled_from(["linear", "exponential", "cosine"])


def within(value: float, low: float, high: float) -> bool:
    slack = 1e-12 * max(abs(low), abs(high), 1)
    return low - slack <= value <= high + slack


@given(progress=fractions, start=values, stop=values, begin=fractions, end=fractions, shape=shapes)
def test_a_ramp_stays_between_its_ends(progress: float, start: float, stop: float, begin: float, end: float, shape: str) -> None:
    value = ramp(progress, start, stop, begin=begin, end=end, shape=shape)
    assert within(value, min(start, stop), max(start, stop))


@given(start=values, stop=values, begin=fractions, end=fractions, shape=shapes, outside=fractions)
def test_a_ramp_is_constant_outside_its_window(
    start: float, stop: float, begin: float, end: float, shape: str, outside: float
) -> None:
    assume(begin < end)
    assert ramp(begin * outside, start, stop, begin=begin, end=end, shape=shape) == start
    assert ramp(end + (1 - end) * outside, start, stop, begin=begin, end=end, shape=shape) == stop


@given(first=fractions, second=fractions, start=values, stop=values, shape=shapes)
def test_a_ramp_is_monotone(first: float, second: float, start: float, stop: float, shape: str) -> None:
    early, late = (ramp(progress, start, stop, shape=shape) for progress in sorted((first, second)))
    low, high = (early, late) if start <= stop else (late, early)
    assert within(low, 0, high)


@given(start=values, stop=values, shape=shapes, progress=fractions)
def test_a_ramp_backwards_is_the_ramp_from_stop_to_start(start: float, stop: float, shape: str, progress: float) -> None:
    assert ramp(progress, start, stop, shape=shape) == pytest.approx(ramp(1 - progress, stop, start, shape=shape))


@pytest.mark.parametrize(("shape", "half_way"), [("linear", 50.5), ("cosine", 50.5), ("exponential", 10.0)])
def test_half_way(shape: str, half_way: float) -> None:
    assert ramp(0.5, 100.0, 1.0, shape=shape) == pytest.approx(half_way)


def test_an_empty_window_is_a_step() -> None:
    assert [ramp(p, 1.0, 2.0, begin=0.5, end=0.5) for p in (0.0, 0.49, 0.5, 1.0)] == [1, 1, 2, 2]


def test_an_exponential_ramp_cannot_reach_zero() -> None:
    with pytest.raises(ValueError, match=r"needs start > 0 and stop > 0, but got start=1\.0, stop=0\.0"):
        ramp(1.0, 1.0, 0.0, shape="exponential")


@given(progress=fractions, low=values, high=values, cycles=st.integers(1, 20), rise=st.floats(0.05, 1))
def test_a_cycle_stays_between_its_ends(progress: float, low: float, high: float, cycles: int, rise: float) -> None:
    assert within(cyclic(progress, low, high, cycles=cycles, rise=rise), min(low, high), max(low, high))


@given(position=st.floats(0, 0.99), cycle=st.integers(0, 3))
def test_all_cycles_are_alike(position: float, cycle: int) -> None:
    first, later = (cyclic((n + position) / 4, 0.0, 1.0, cycles=4) for n in (0, cycle))
    assert later == pytest.approx(first, abs=1e-9)


def test_a_cyclic_run_ends_high() -> None:
    assert cyclic(1.0, 0.0, 4.0, cycles=3) == 4.0
