"""Conditions as a person writes them: `mig >= 0.2 and recon <= 80`; one reading for every `--where`.

A condition is a name, a comparison and a value; several are joined by `and` or a comma, and all must hold.  Text is compared with
== and != only.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import UserError, unknown

__all__ = ["Condition", "check_names", "fulfils", "parse_where"]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
CONDITION = re.compile(r"([^\W\d][\w./-]*)\s*(<=|>=|==|!=|<|>)\s*([^\s<>=!]\S*)", re.ASCII)
MOST = 1_000  # characters


@dataclass(frozen=True)
class Condition:
    """value: a number, or text."""

    name: str
    comparison: str
    value: float | str

    def holds(self, value: Any) -> bool:
        """Whether it is true of a value.  What is missing, NaN, or of the other kind fulfils nothing."""
        if isinstance(value, str) != isinstance(self.value, str) or value is None:
            return False
        if isinstance(value, float) and math.isnan(value):
            return False
        return COMPARISONS[self.comparison](value, self.value)


def parse_where(text: str | None) -> list[Condition]:
    """
    >>> parse_where("mig >= 0.2 and dataset == dsprites")
    [Condition(name='mig', comparison='>=', value=0.2), Condition(name='dataset', comparison='==', value='dsprites')]

    Raises `UserError` for what is not a condition, or compares the size of text.
    """
    if text is None:
        return []
    if len(text) > MOST:
        raise UserError(f"a condition has at most {MOST} characters, but got {len(text)}")
    return [_condition(part.strip()) for part in re.split(r",|\band\b", text)]


def fulfils(conditions: Sequence[Condition], values: Mapping[str, Any]) -> bool:
    """Whether all hold; a name that is not there fulfils nothing."""
    return all(condition.holds(values.get(condition.name)) for condition in conditions)


def check_names(conditions: Sequence[Condition], known: Sequence[str], where: str) -> None:
    """Raises `UserError` for a name that nothing has; `where` ends the sentence that lists the known ones."""
    for condition in conditions:
        if condition.name not in known:
            raise unknown("metric", condition.name, known, where)


def _condition(part: str) -> Condition:
    match = CONDITION.fullmatch(part)
    if match is None:
        raise UserError(f'a condition reads like "recon <= 60", joined by "and" or commas, but got {part!r}')
    name, comparison, said = match.groups()
    number = _number(said)
    if number is None and (comparison not in ("==", "!=") or said[0] in "0123456789.+-"):
        raise UserError(f"{name} {comparison} needs a number, but got {said!r}")
    return Condition(name, comparison, said.strip("'\"") if number is None else number)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and text.isascii() and "_" not in text else None
