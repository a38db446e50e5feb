"""What a search begins with: each choice by its name on the command line, a list of points {knob: value}.

`study:NAME` is the front of an earlier study (`study.search.prior`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.errors import unknown
from study.recipes import warm_starts
from study.records.folder import StudyRecord
from study.spaces import LoadedSpace

__all__ = ["OF_STUDY", "STARTS", "check_start", "start_points"]

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


OF_STUDY = "study:"


def check_start(start: str) -> None:
    """Raises `UserError` for a word that is none of `STARTS` and names no study."""
    if start not in STARTS and not start.startswith(OF_STUDY):
        raise unknown("start", start, [*STARTS, f"{OF_STUDY}NAME"])


def start_points(space: LoadedSpace, record: StudyRecord) -> list[Point]:
    """The points that the record's `start` names."""
    return _front(record) if record.start.startswith(OF_STUDY) else STARTS[record.start](space)


def _front(record: StudyRecord) -> list[Point]:
    """The earlier study's front; of a long one its ends and evenly between them: half of the trials are to be new points."""
    front = sorted((trial for trial in record.earlier if trial.front), key=lambda trial: trial.values)
    most = max(1, record.trials // 2)
    step = max(1.0, (len(front) - 1) / max(1, most - 1))
    return [front[round(index * step)].params for index in range(min(most, len(front)))]
