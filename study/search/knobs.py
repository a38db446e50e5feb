"""A study that goes on must find the knobs it began with: its space may have been edited since."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from models.errors import UserError
from study.records.columns import TRIAL, facts
from study.spaces import LoadedSpace

__all__ = ["check_knobs", "check_names"]


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
        now = _distributions(space, trial.params, steps)
        changes = [_change(name, before, now) for name, before in sorted(trial.distributions.items())]
        said = "; ".join(change for change in changes if change)
        if said:
            raise UserError(f"space {space.name} has changed since this study began: {said}; start a new study")


def check_names(space: LoadedSpace, steps: int) -> None:
    """Raises `UserError` for a knob named like a column of the trials' table, or choices of several types."""
    points: list[Mapping[str, Any]] = [*space.space.start, {}]
    for point in points:
        for name, distribution in _distributions(space, point, steps).items():
            if name in facts(TRIAL):
                raise UserError(f"space {space.name}: a knob must not be named like the column {name} of the trials' table")
            if isinstance(distribution, CategoricalDistribution) and len({type(c) for c in distribution.choices}) > 1:
                raise UserError(f"space {space.name}: choices of {name} must be of one type, but got {distribution.choices}")


def _distributions(space: LoadedSpace, point: Mapping[str, Any], steps: int) -> dict[str, BaseDistribution]:
    """What the space asks for at this point; knobs that the point leaves open are drawn at random."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    probe = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    probe.enqueue_trial(dict(point))
    trial = probe.ask()
    with contextlib.suppress(UserError):  # the point may break a rule of a plug-in; what has been asked until then is known
        space.configure(trial, steps)
    return trial.distributions


def _change(name: str, before: BaseDistribution, now: Mapping[str, BaseDistribution]) -> str:
    if name not in now:
        return f"{name} is gone"
    if type(now[name]) is not type(before):
        return f"{name} is another kind of knob"
    if isinstance(before, CategoricalDistribution) and before != now[name]:
        return f"{name} had the choices {before.choices}"
    return ""
