"""The Optuna side of a search: the journal as the truth about every trial.

Every suggestion ends as

    COMPLETE   trained and evaluated (also when collapsed: the sampler should learn from the values)
    PRUNED     stopped by the scheduler, or diverged: the sampler keeps away from such points, and no value is invented
    FAIL       crashed, or interrupted: nothing that the point could help

What was RUNNING when a driver died is told what its worker had already answered, or else FAIL without an outcome, and its point
is enqueued again, once: the retry continues from the interrupted training's checkpoint, which is named by the configuration.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from study.records.folder import StudyFolder, StudyRecord
from study.records.outcome import OUTCOME, Outcome, interrupted, outcome_of, status_of
from study.search.journal_file import JournalFile
from study.search.starts import start_points
from study.spaces import LoadedSpace

__all__ = ["enqueue_start", "finished_trials", "load_optuna_study", "reconcile", "tell"]

RETRY_OF = "retry_of"


def load_optuna_study(folder: StudyFolder) -> optuna.Study:
    """The study's Optuna study, created on first use; after that, to read it writes nothing."""
    record = folder.record
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = record.storage or JournalStorage(JournalFile(folder.journal))
    named: dict[str, Any] = {"storage": storage, "study_name": record.name, "sampler": optuna.samplers.RandomSampler()}
    with contextlib.suppress(KeyError):  # there is none yet; to create one that exists would append to its journal
        return optuna.load_study(**named)
    optuna_study = optuna.create_study(**named, directions=list(record.directions), load_if_exists=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna_study.set_metric_names(list(record.metrics))  # what optuna-dashboard writes on its axes
    return optuna_study


def finished_trials(optuna_study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count towards the target: all that ended but rejected points and interrupted ones, which are tried again."""
    ended = [trial for trial in optuna_study.get_trials(deepcopy=False) if trial.state.is_finished()]
    return [trial for trial in ended if status_of(trial) not in ("interrupted", "rejected")]


def reconcile(optuna_study: optuna.Study, record: StudyRecord) -> None:
    """After an interruption: nothing stays RUNNING, and every interrupted point waits to be tried again, once."""
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        outcome = outcome_of(trial)  # stored, and the driver died before it told the state
        if outcome is None:
            optuna_study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        else:
            _tell_state(optuna_study, trial.number, record, outcome)
    trials = optuna_study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        if interrupted(trial) and trial.number not in retried:
            optuna_study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})


def enqueue_start(optuna_study: optuna.Study, record: StudyRecord, space: LoadedSpace) -> None:
    """A new study begins with the points that `record.start` names, or with the whole grid for the `list` sampler."""
    if optuna_study.get_trials(deepcopy=False):
        return
    points = space.grid_points() if record.sampler == "list" else start_points(space, record)
    for point in points[: record.trials]:
        optuna_study.enqueue_trial(point)


def tell(optuna_study: optuna.Study, trial: optuna.Trial, record: StudyRecord, outcome: Outcome) -> FrozenTrial:
    """Write a trial's outcome into the journal, result first and state last, and return the frozen trial."""
    try:
        trial.set_user_attr(OUTCOME, outcome.record())
    except optuna.exceptions.UpdateFinishedTrialError:  # told twice: the first answer stays
        return optuna_study.get_trials(deepcopy=False)[trial.number]
    return _tell_state(optuna_study, trial.number, record, outcome)


def _tell_state(optuna_study: optuna.Study, number: int, record: StudyRecord, outcome: Outcome) -> FrozenTrial:
    values = outcome.searched(record.metrics)
    if outcome.status in ("pruned", "diverged"):
        return optuna_study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
    if outcome.status in ("failed", "rejected") or values is None:
        return optuna_study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
    return optuna_study.tell(number, values, skip_if_finished=True)
