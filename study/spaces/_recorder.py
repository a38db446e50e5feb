"""A trial that answers from a point: to see what a space asks, and whether the point is one of its."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import UserError

__all__ = ["Recorder"]


class Recorder:
    """Answers a define-by-run function from a fixed point, checks ranges, and remembers what was asked for.

    params    {knob: value}, as far as it was asked
    choices   {knob: values} of the categorical ones

    Knobs that the point leaves open get their range's low end (or first choice): only validity is checked with it.
    """

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.point = point
        self.params: dict[str, Any] = {}
        self.choices: dict[str, Sequence[Any]] = {}

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        return float(self._number(name, low, high))

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        return int(self._number(name, low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.choices[name] = choices
        value = self.point.get(name, choices[0])
        if value not in choices:
            raise UserError(f"{name} must be one of {', '.join(map(str, choices))}, but got {value!r}")
        self.params[name] = value
        return value

    def _number(self, name: str, low: float, high: float) -> float:
        value = self.point.get(name, low)
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise UserError(f"{low} <= {name} <= {high} must hold, but got {name}={value!r}")
        self.params[name] = value
        return value
