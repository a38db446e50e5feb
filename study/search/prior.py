"""`--start study:NAME`: a short study pays for a long one.

What an earlier study of the same knobs found is copied into the new study's record, and used twice: the points of its front are
the first trials, trained anew at the new budget; and TPE models all of its trials beside the new ones until the new study has as
many of its own.

A longer training has other values, mostly better ones: as they are, earlier trials would all look bad, the good ones too. Each
metric of theirs is shifted by the median of what repeating the front has changed, as far as that is known.

Neither journal nor tables nor front of the new study hold an earlier trial: TPE sees them in a study in memory only.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.errors import UserError
from study.records.folder import EarlierTrial, StudyFolder, StudyRecord
from study.records.outcome import is_usable, outcome_of
from study.records.pareto import pareto_front
from study.search.journal import load_optuna_study
from study.search.knobs import distributions
from study.search.starts import OF_STUDY
from study.spaces import LoadedSpace, load_space

__all__ = ["Informed", "read_earlier"]


def read_earlier(folder: StudyFolder, record: StudyRecord, space: LoadedSpace) -> tuple[EarlierTrial, ...]:
    """The usable trials of `folder` whose points are points of `space`, those of their front first, for a new study's record.

    Raises `UserError` when that study saw other pictures, has no such trial with the new study's metrics, or none that fits.
    """
    before, named = folder.record, f"--start {OF_STUDY}{folder.name}"
    if before.dataset["digest"] != record.dataset["digest"]:
        pictures, other = (f"{one.dataset['name']} {one.dataset['digest'][:12]}" for one in (record, before))
        raise UserError(f"{named} must be a study of the same pictures, {pictures}, but it is of {other}")
    found = []
    for trial in load_optuna_study(folder).get_trials(deepcopy=False):
        outcome = outcome_of(trial)
        values = outcome.searched(record.metrics) if outcome and is_usable(outcome.status) else None
        if values is not None:
            found.append((trial.params, tuple(values)))
    if not found:
        raise UserError(f"{named} must have usable trials with the metrics {', '.join(record.metrics)}, but it has none")
    found = [(params, values) for params, values in found if _fits(space, params, record.budget.steps)]
    if not found:
        raise UserError(f"{named} must have trials with the knobs of space {space.name}, but it has none")
    front = set(pareto_front([values for _, values in found], record.directions))
    trials = [EarlierTrial(params=params, values=values, front=i in front) for i, (params, values) in enumerate(found)]
    return tuple(sorted(trials, key=lambda trial: not trial.front))


class Informed(BaseSampler):
    """What `make(seed)` proposes when it sees the record's earlier trials, too.

    Every point has a sampler of its own, whose seed follows from the point's number: TPE must not meet two studies.
    """

    def __init__(self, record: StudyRecord, make: Callable[[int], BaseSampler]) -> None:
        space = load_space(record.space, record.paired)
        self.record, self.make = record, make
        self.known = [distributions(space, trial.params, record.budget.steps) for trial in record.earlier]

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Decide what the sampler sees for this point."""
        own = study.get_trials(deepcopy=False)
        self.inner, self.seen, self.point = self.make(self.record.seed + trial.number), study, trial
        if sum(one.state in (TrialState.COMPLETE, TrialState.PRUNED) for one in own) < len(self.known):
            self.seen = optuna.create_study(directions=list(self.record.directions))
            self.seen.add_trials([*map(_bare, own), *self._earlier(own)])  # own ones first: their numbers stay theirs
            self.point = self.seen.get_trials(deepcopy=False)[trial.number]
        self.inner.before_trial(self.seen, self.point)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.inner.infer_relative_search_space(self.seen, self.point)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.inner.sample_relative(self.seen, self.point, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.inner.sample_independent(self.seen, self.point, param_name, param_distribution)

    def _earlier(self, own: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        shift = _shift(self.record.earlier, own)
        values = [[value + by for value, by in zip(trial.values, shift, strict=True)] for trial in self.record.earlier]
        told = zip(self.record.earlier, self.known, values, strict=True)
        return [create_trial(params=trial.params, distributions=known, values=now) for trial, known, now in told]


def _shift(earlier: Sequence[EarlierTrial], own: Sequence[FrozenTrial]) -> list[float]:
    """For each metric the median change of a value when its point was trained anew; 0 until one was."""
    pairs = [
        [now - before for now, before in zip(trial.values, one.values, strict=True)]
        for one in earlier
        for trial in own
        if trial.state == TrialState.COMPLETE and trial.params == one.params
    ]
    return [statistics.median(changes) for changes in zip(*pairs, strict=True)] if pairs else [0.0] * len(earlier[0].values)


def _bare(trial: FrozenTrial) -> FrozenTrial:
    """A trial without what was noted beside it, which a study in memory would copy."""
    values = trial.values if trial.state == TrialState.COMPLETE else None
    return create_trial(state=trial.state, params=trial.params, distributions=trial.distributions, values=values)


def _fits(space: LoadedSpace, params: dict[str, Any], steps: int) -> bool:
    try:
        space.check_point(params, steps)
    except UserError:
        return False
    return True
