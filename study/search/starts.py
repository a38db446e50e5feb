"""What a search begins with: each choice by its name on the command line, a list of points {knob: value}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.recipes import warm_starts
from study.spaces import LoadedSpace

__all__ = ["STARTS", "start_points"]

Point = dict[str, Any]


def _own(space: LoadedSpace) -> list[Point]:
    return [dict(point) for point in space.space.start]


def _recipes(space: LoadedSpace) -> list[Point]:
    own = _own(space)
    return own + [point for point in warm_starts(space.name) if point not in own]


STARTS: dict[str, Callable[[LoadedSpace], list[Point]]] = {
    "space": _own,
    "recipes": _recipes,  # the sources' experiments, too
    "none": lambda space: [],
}


def start_points(space: LoadedSpace, start: str) -> list[Point]:
    """The points that `start` names."""
    return STARTS[start](space)
