"""A study that goes on must find the knobs it began with: its space may have been edited since."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.errors import UserError
from study.records.columns import TRIAL, facts
from study.spaces import LoadedSpace

__all__ = ["check_knobs", "check_names", "distributions"]


def check_knobs(optuna_study: optuna.Study, space: LoadedSpace, steps: int) -> None:
    """Raises `UserError` that says what changed, where the space no longer has the knobs of the journal's trials.

    A number's range may change; choices may not (Optuna refuses them), and a knob that is gone cannot be asked again.
    """
    told: dict[frozenset[str], optuna.trial.FrozenTrial] = {}
    for trial in optuna_study.get_trials(deepcopy=False):
        told[frozenset(trial.distributions)] = trial
    for trial in told.values():
        if not trial.distributions:
            continue
        now = distributions(space, trial.params, steps)
        changes = [_change(name, before, now) for name, before in sorted(trial.distributions.items())]
        said = "; ".join(change for change in changes if change)
        if said:
            raise UserError(f"space {space.name} has changed since this study began: {said}; start a new study")


def check_names(space: LoadedSpace, steps: int) -> None:
    """Raises `UserError` for a knob named like a column of the trials' table, or choices of several types."""
    points: list[Mapping[str, Any]] = [*space.space.start, {}]
    for point in points:
        for name, distribution in distributions(space, point, steps).items():
            if name in facts(TRIAL):
                raise UserError(f"space {space.name}: a knob must not be named like the column {name} of the trials' table")
            if isinstance(distribution, CategoricalDistribution) and len({type(c) for c in distribution.choices}) > 1:
                raise UserError(f"space {space.name}: choices of {name} must be of one type, but got {distribution.choices}")


class _Probe:
    """Answers a space from a point, as far as its knobs still take the point's values, and remembers what was asked for."""

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.point = point
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def suggest_float(self, name: str, low: float, high: float, **how: Any) -> float:
        return float(self._number(name, FloatDistribution(low, high, **how), low, high))

    def suggest_int(self, name: str, low: int, high: int, **how: Any) -> int:
        return int(self._number(name, IntDistribution(low, high, **how), low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        value = self.point.get(name)
        return self._answer(name, CategoricalDistribution(choices), value if value in choices else choices[0])

    def _number(self, name: str, distribution: BaseDistribution, low: float, high: float) -> Any:
        value = self.point.get(name)
        fits = isinstance(value, (int, float)) and low <= value <= high
        return self._answer(name, distribution, value if fits else low)

    def _answer(self, name: str, distribution: BaseDistribution, value: Any) -> Any:
        self.params[name], self.distributions[name] = value, distribution
        return value


def distributions(space: LoadedSpace, point: Mapping[str, Any], steps: int) -> dict[str, BaseDistribution]:
    """{knob: its distribution}, as the space asks for it at this point."""
    probe = _Probe(point)
    with contextlib.suppress(UserError):  # the point may break a rule of a plug-in; what has been asked until then is known
        space.configure(probe, steps)
    return probe.distributions


def _change(name: str, before: BaseDistribution, now: Mapping[str, BaseDistribution]) -> str:
    if name not in now:
        return f"{name} is gone"
    if type(now[name]) is not type(before):
        return f"{name} is another kind of knob"
    if isinstance(before, CategoricalDistribution) and before != now[name]:
        return f"{name} had the choices {before.choices}"
    return ""
