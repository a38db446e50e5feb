"""The Optuna side of a search: samplers, start points, and the journal as the truth about every trial.

Every suggestion ends as

    COMPLETE   trained and evaluated (also when collapsed: the sampler should learn from the values)
    PRUNED     stopped by the scheduler
    FAIL       diverged, crashed, or interrupted

What was RUNNING when a driver died is told FAIL and its point is enqueued again, once: the retry continues from the interrupted
training's checkpoint, which is named by the configuration.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from study.recipes import warm_starts
from study.records.folder import StudyFolder, StudyRecord
from study.spaces import LoadedSpace

__all__ = ["enqueue_start", "finished_trials", "load_optuna_study", "make_sampler", "reconcile", "tell"]

INTERRUPTED = "interrupted"
RETRY_OF = "retry_of"
OUTCOME = ("status", "reason", "config", "config_digest", "seconds", "steps", "hardware", "values", "replicates")


def load_optuna_study(folder: StudyFolder, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    """The study's Optuna study, created on first use."""
    record = folder.record
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    optuna_study = optuna.create_study(
        storage=storage,
        study_name=record.name,
        directions=list(record.directions),
        sampler=sampler or optuna.samplers.RandomSampler(),
        load_if_exists=True,
    )
    if optuna_study.metric_names is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna_study.set_metric_names(list(record.metrics))  # what optuna-dashboard writes on its axes
    return optuna_study


def make_sampler(record: StudyRecord, finished: int) -> optuna.samplers.BaseSampler:
    """The sampler; its seed moves on with the number of finished trials, so that a resumed study explores on."""
    seed = (record.seed + finished) % 2**32
    if record.sampler == "tpe":
        # A third of the trials at random (start points count), the rest informed: TPE's default of 10 would leave a small
        # study random.  constant_liar keeps concurrent trials apart.
        startup = max(2, min(10, record.trials // 3))
        return optuna.samplers.TPESampler(n_startup_trials=startup, multivariate=True, group=True, constant_liar=True, seed=seed)
    if record.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=max(4, min(50, record.trials // 4)), seed=seed)
    if record.sampler == "qmc":
        return optuna.samplers.QMCSampler(seed=seed, scramble=True)
    return optuna.samplers.RandomSampler(seed=seed)


def finished_trials(optuna_study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count towards the target: all that ended, but for interrupted ones, which are tried again."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return [t for t in optuna_study.get_trials(deepcopy=False, states=ended) if not t.user_attrs.get(INTERRUPTED)]


def reconcile(optuna_study: optuna.Study) -> None:
    """After an interruption: nothing stays RUNNING, and every interrupted point waits to be tried again, once."""
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        optuna_study._storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
        optuna_study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    retried = {t.user_attrs.get(RETRY_OF) for t in optuna_study.get_trials(deepcopy=False)}
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
        if trial.user_attrs.get(INTERRUPTED) and trial.number not in retried:
            optuna_study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})


def enqueue_start(optuna_study: optuna.Study, record: StudyRecord, space: LoadedSpace) -> None:
    """A new study begins with the points that `record.start` names, or with the whole grid for the `list` sampler."""
    if optuna_study.get_trials(deepcopy=False):
        return
    points = space.grid_points() if record.sampler == "list" else start_points(space, record.start)
    for point in points[: record.trials]:
        optuna_study.enqueue_trial(point)


def start_points(space: LoadedSpace, start: str) -> list[dict[str, Any]]:
    """What a search begins with: the space's own points, those and the sources' experiments, or nothing."""
    if start == "none":
        return []
    own = [dict(point) for point in space.space.start]
    return own if start == "space" else own + [point for point in warm_starts(space.name) if point not in own]


def tell(optuna_study: optuna.Study, trial: optuna.Trial, record: StudyRecord, outcome: dict[str, Any]) -> FrozenTrial:
    """Write a trial's outcome into the journal, result first and state last, and return the frozen trial."""
    known = optuna_study.get_trials(deepcopy=False)[trial.number]
    if known.state.is_finished():  # told twice: the first answer stays
        return known
    trial.set_user_attr("outcome", {key: outcome[key] for key in OUTCOME if key in outcome})
    values = [outcome["values"].get(metric) for metric in record.metrics]
    if outcome["status"] == "pruned":
        return optuna_study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    if outcome["status"] == "failed" or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        return optuna_study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
    return optuna_study.tell(trial, values, skip_if_finished=True)
