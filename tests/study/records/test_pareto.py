"""The front and the compromise, against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from study.records.pareto import nearest_ideal, pareto_front, representatives

DIRECTIONS = ("minimize", "maximize")
VALUES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(st.integers(1, 3).flatmap(lambda k: st.lists(st.tuples(*[st.integers(0, 5)] * k), min_size=1, max_size=12)))
def test_front_members_are_undominated_and_dominate_the_rest(values: list[tuple[int, ...]]) -> None:
    front = pareto_front(values, (*DIRECTIONS, "minimize")[: len(values[0])])
    costs = [[-value if index == 1 else value for index, value in enumerate(row)] for row in values]

    def dominates(a: int, b: int) -> bool:
        return costs[a] != costs[b] and all(one <= other for one, other in zip(costs[a], costs[b], strict=True))

    assert not any(dominates(a, b) for a in range(len(values)) for b in front)
    assert all(any(dominates(a, b) for a in front) for b in set(range(len(values))) - set(front))
    assert [costs[i] for i in front] == sorted(costs[i] for i in front)


@given(VALUES)
@example([(0, 0), (1, 1), (2, 2), (3, 3)])  # 1 and 2 are equally near
def test_the_compromise_is_scale_free(values: list[tuple[int, int]]) -> None:
    front = np.array([values[i] for i in pareto_front(values, DIRECTIONS)], dtype=float)
    assert nearest_ideal(front, DIRECTIONS) == nearest_ideal(front * [100.0, 0.01] + [5.0, 3.0], DIRECTIONS)


def test_missing_values_are_never_on_the_front() -> None:
    assert pareto_front([[1.0, math.nan], [2.0, 0.1]], DIRECTIONS) == [1]
    assert pareto_front(np.empty((0, 2)), DIRECTIONS) == []


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0), ("maximize", 2)])
def test_one_metric(direction: str, best: int) -> None:
    assert pareto_front([[1.0], [2.0], [3.0]], [direction]) == [best]


def test_equal_models_share_the_front() -> None:
    assert pareto_front([[1, 1], [1, 1], [2, 0]], DIRECTIONS) == [0, 1]


@given(VALUES, st.integers(1, 8))
def test_those_that_stand_for_a_front_hold_its_compromise_and_every_best(values: list[tuple[int, int]], count: int) -> None:
    front = np.array([values[i] for i in pareto_front(values, DIRECTIONS)], dtype=float)
    chosen = representatives(front, DIRECTIONS, count)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(count, len(front))
    if count >= 3:
        assert nearest_ideal(front, DIRECTIONS) in chosen
        assert (front[chosen, 0].min(), front[chosen, 1].max()) == (front[:, 0].min(), front[:, 1].max())
