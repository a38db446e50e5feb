"""The search: Ray Tune schedules and places trials that Optuna proposes.

Between the two stands `AskTell`, a Tune searcher on Optuna's public ask-and-tell interface.  Tune's own `OptunaSearch` is not
used because it leaves suggestions RUNNING for ever when a searched value is missing, tells trials that a scheduler stopped as
COMPLETE, and cannot resume without running trials twice.

Resuming and extending are the same thing: a new Tune run on the same Optuna study (`study.search.journal`).  This module imports
Ray Tune, which takes a second: it is itself imported late.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from ray import tune
from ray.tune.error import TuneError
from ray.tune.search import Searcher

from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.live import live_path
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome
from study.records.pace import Pace
from study.search.actor import AWAY, TrialActor
from study.search.cluster import WORKER_DIED, concurrency
from study.search.deaths import every_death_is_the_actors
from study.search.events import Events, trial_name
from study.search.journal import enqueue_start, finished_trials, reconcile, tell
from study.search.journal_file import settle
from study.search.leftovers import Leftovers
from study.search.samplers import make_sampler
from study.search.schedulers import make_scheduler
from study.search.trial import TrialSpec, spec_of
from study.spaces import LoadedSpace

__all__ = ["search"]

PATIENCE = 100  # rejected points in a row


class AskTell(Searcher):
    """Tune asks Optuna for points and tells it how they ended.

    ray_is_there: False once Ray has gone, which kills every worker.
    """

    def __init__(
        self,
        optuna_study: optuna.Study,
        folder: StudyFolder,
        make_spec: Callable[[optuna.Trial], TrialSpec],
        events: Events,
        ray_is_there: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self.ray_is_there = ray_is_there
        self.optuna_study, self.record, self.make_spec, self.events = optuna_study, folder.record, make_spec, events
        self.journal = folder.journal
        self.trials: dict[str, tuple[optuna.Trial, TrialSpec]] = {}
        self.mirror, self.pace, self.watching = folder.mirror, Pace(1 / 20), Pace(1 / 20)
        self.leftovers = Leftovers(folder.mirror)
        self.refused: UserError | None = None

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        """The study knows its metrics already."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """A point, as the configuration of a `TrialActor`."""
        if self.refused is not None:
            raise self.refused
        trial, spec = self._ask()
        settle(self.journal)
        self.trials[trial_id] = trial, spec
        self.events.started(trial.number, trial.params)
        return {"trial": trial.number, "spec": spec.model_dump_json(), "reused": self.record.reuse_actors}

    def _ask(self) -> tuple[optuna.Trial, TrialSpec]:
        """The next point that is a configuration.  Raises `UserError` when a hundred in a row break a rule."""
        for _ in range(PATIENCE):
            trial = self.optuna_study.ask()
            try:
                return trial, self.make_spec(trial)
            except UserError as broken:
                tell(self.optuna_study, trial, self.record, Outcome.rejected(str(broken)))
                reason = str(broken)
        self.refused = UserError(f"{PATIENCE} points in a row break a rule of their plug-ins, the last one: {reason}")
        raise self.refused

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A report in the middle."""
        if trial_id in self.trials and not result["final"]:
            trial, spec = self.trials[trial_id]
            self._report(trial, spec, result)
            self._show(spec)
            self.events.progressed(trial.number, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """It ended, by itself, by the scheduler, or with its worker."""
        if trial_id not in self.trials:
            return
        trial, spec = self.trials.pop(trial_id)
        if (error or result is None) and not self.ray_is_there():
            return  # Ray took its workers along: no result of this trial's own, and a resume tries it again
        with self._ending_where_it_cannot_be_told():
            self.events.finished(self._told(trial, spec, result, error))

    def _told(self, trial: optuna.Trial, spec: TrialSpec, result: dict[str, Any] | None, error: bool) -> FrozenTrial:
        """The journal knows how it ended."""
        if error or result is None:
            outcome = Outcome.failed(WORKER_DIED, **spec.described())
        elif AWAY in result:
            raise AwayError(result[AWAY])
        elif result.get("final"):
            outcome = Outcome(**json.loads(result["outcome"]))
            self.leftovers.gather(spec, outcome)
        else:
            self._report(trial, spec, result)  # the report on which the scheduler stopped it: Tune skips `on_trial_result` then
            outcome = self.leftovers.pruned(spec, f"stopped early by {self.record.scheduler}")
        told = tell(self.optuna_study, trial, self.record, outcome)
        settle(self.journal)
        if self.pace.due:
            with self.pace.spending():
                self.mirror.push(self.journal)
        self.leftovers.clear(spec)
        return told

    @contextlib.contextmanager
    def _ending_where_it_cannot_be_told(self) -> Iterator[None]:
        """What could not be fetched, or given, is not told: no other trial is asked for, and a resume goes on from there.

        Raising would not do: Tune logs what a searcher raises when a trial ends, and goes on.
        """
        try:
            yield
        except AwayError as error:
            self.refused = UserError(f"{error}; nothing is lost: go on with --resume {self.record.name} when that is mended")

    def _show(self, spec: TrialSpec) -> None:
        """What can be watched of a running trial comes here now and then; one that does not come is no reason to stop."""
        if self.mirror.url is not None and self.watching.due:
            with self.watching.spending(), contextlib.suppress(AwayError):
                Mirror(self.mirror.local, self.mirror.url).pull(live_path(self.mirror.local, spec.number))

    def _report(self, trial: optuna.Trial, spec: TrialSpec, result: dict[str, Any]) -> None:
        self.leftovers.keep(spec, result)
        value = result.get(f"validation_{self.record.metrics[0]}")
        if value is not None and len(self.record.metrics) == 1:  # Optuna keeps intermediate values for one metric only
            trial.report(value, result["step"])

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune pickles its searcher for `Tuner.restore`, which is not used: the journal is the state."""
        return (dict, ())

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save, for the same reason."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: resuming is a new Tune run."""


def search(
    folder: StudyFolder,
    space: LoadedSpace,
    optuna_study: optuna.Study,
    events: Events,
    ray_is_there: Callable[[], bool] = lambda: True,
) -> None:
    """Run what is left of a study, on the Ray cluster that is connected; afterwards nothing in `optuna_study` is RUNNING.

    ray_is_there: False once Ray has gone: then a dead worker is no result of its trial.

    KeyboardInterrupt passes through after everything has been told and written.
    """
    record = folder.record
    reconcile(optuna_study, record)
    Leftovers(folder.mirror).sweep(optuna_study.get_trials(deepcopy=False))
    enqueue_start(optuna_study, record, space)
    left = record.trials - len(finished_trials(optuna_study))
    if left <= 0:
        return
    optuna_study.sampler = make_sampler(record, len(optuna_study.get_trials(deepcopy=False)))
    (folder.path / "logs").mkdir(exist_ok=True)
    searcher = AskTell(optuna_study, folder, _spec_maker(folder, space), events, ray_is_there)
    try:
        with every_death_is_the_actors():
            _tuner(folder, searcher, left).fit()
        if searcher.refused is not None:
            raise searcher.refused
    except TuneError as error:  # Tune wraps what a callback raises into text; a full disk is the user's to fix
        if searcher.refused is not None:
            raise searcher.refused from None
        last = str(error).strip().splitlines()[-1]
        if "[Errno" in last:
            raise UserError(f"the search stopped ({last}); mend it and go on with --resume {record.name}") from None
        raise
    finally:
        with contextlib.suppress(OSError):  # what cannot be written now is reconciled when the study resumes
            reconcile(optuna_study, record)


def _spec_maker(folder: StudyFolder, space: LoadedSpace) -> Callable[[optuna.Trial], TrialSpec]:
    record = folder.record

    def make_spec(trial: optuna.Trial) -> TrialSpec:
        return spec_of(folder, trial.number, space.configure(trial, record.budget.steps, record.dataset["name"]))

    return make_spec


def _tuner(folder: StudyFolder, searcher: AskTell, left: int) -> Any:
    record = folder.record
    return tune.Tuner(
        TrialActor,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=make_scheduler(record),
            num_samples=left,
            max_concurrent_trials=concurrency(record),
            # Ray fixes an actor's name when it starts, so a reused one cannot be named after its trial in the dashboard.  A fresh
            # process costs five seconds of imports a trial and gives its memory back.
            reuse_actors=record.reuse_actors,
            trial_name_creator=lambda trial: trial_name(trial.config["trial"]),
            trial_dirname_creator=lambda trial: trial_name(trial.config["trial"]),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(folder.path),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=1),  # a lost worker or node: once more, from the checkpoint
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
