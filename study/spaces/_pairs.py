"""Paired experiments: what differs in one knob shares its seed, so that a difference is the knob's and not the dice's.

The seeds of an arm derive from its point *without the knob*.  Knobs that only some arms have (a shape of the decay, say) belong
to the arm as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.errors import UserError
from study.config import digest_of
from study.spaces._recorder import Recorder

__all__ = ["check_paired", "pair_of"]

Suggest = Callable[[Any], Mapping[str, Any]]


def pair_of(suggest: Suggest, point: Mapping[str, Any], knob: str) -> str | None:
    """What the arms of this point have in common, as a digest; None where the point has no such knob."""
    asked = _asked(suggest, point)
    if knob not in asked.params:
        return None
    arms = asked.choices.get(knob, [point[knob]])
    shared = set.intersection(*(set(_asked(suggest, {**point, knob: arm}).params) for arm in arms)) - {knob}
    return digest_of({name: point[name] for name in sorted(shared)})


def check_paired(space: str, suggest: Suggest, points: list[Mapping[str, Any]], knob: str) -> None:
    """Raises `UserError` when none of a space's own points has the knob."""
    asked = [set(_asked(suggest, point).params) for point in points or [{}]]
    if not any(knob in each for each in asked):
        raise UserError(f"space {space} has no knob {knob!r} to pair by; it has {', '.join(sorted(set().union(*asked)))}")


def _asked(suggest: Suggest, point: Mapping[str, Any]) -> Recorder:
    recorder = Recorder(point)
    suggest(recorder)
    return recorder
