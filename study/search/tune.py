"""The search: Ray Tune schedules and places trials that Optuna proposes.

Between the two stands `AskTell`, a Tune searcher on Optuna's public ask-and-tell interface.  Tune's own `OptunaSearch` is not
used because it leaves suggestions RUNNING for ever when a searched value is missing, tells trials that a scheduler stopped as
COMPLETE, and cannot resume without running trials twice.

Resuming and extending are the same thing: a new Tune run on the same Optuna study (`study.search.journal`).
"""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Callable
from typing import Any

import optuna

from models.errors import UserError
from study.records.folder import StudyFolder, StudyRecord
from study.search.cluster import check_shared, concurrency
from study.search.events import Events, trial_name
from study.search.journal import enqueue_start, finished_trials, load_optuna_study, make_sampler, reconcile, tell
from study.search.trial import TrialSpec, run_trial, spec_of
from study.spaces import LoadedSpace

__all__ = ["search"]

WORKER_DIED = "the worker process died twice (killed, or out of memory)"


def _trainable(record: StudyRecord) -> type:
    """The actor class, made late: importing Tune takes a second that `--help` need not pay."""
    from ray import tune

    resources = tune.PlacementGroupFactory([{"CPU": record.cpus_per_trial, "GPU": record.gpus_per_trial}])

    class Trial(tune.Trainable):
        """One trial in a worker process of its own; `step` trains until the next report."""

        @classmethod
        def default_resource_request(cls, config: dict[str, Any]) -> Any:
            return resources

        def setup(self, config: dict[str, Any]) -> None:
            self.spec = TrialSpec.model_validate_json(config["spec"])
            self.reports = run_trial(self.spec)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """The next trial in the same process, where actors are reused."""
            self.setup(new_config)
            return True

        def step(self) -> dict[str, Any]:
            try:
                report = next(self.reports)
            except Exception as error:  # whatever it is, it is this trial's result and not the study's end
                log = self.spec.folder / "logs" / f"{trial_name(self.spec.number)}.log"
                with log.open("a") as file:
                    file.write(traceback.format_exc())
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                report = {"final": True, "status": "failed", "reason": reason[:500], "values": {}, "replicates": []}
            if not report["final"]:
                # TensorBoard's axis: steps of this training, those of earlier seeds before it.
                earlier = (report["replicate"] - self.spec.first_replicate) * self.spec.config.training.steps
                return {**report, "timesteps_total": earlier + report["step"], "done": False}
            # As one string: Tune flattens nested results before its searcher sees them.
            steps = self.spec.config.training.steps
            # The median rule reads the step of a trial's last result; one beyond all others is never compared with them.
            ended = {"final": True, "done": True, "step": steps + 1, "timesteps_total": self.spec.replicates * steps}
            return {**ended, "outcome": json.dumps(report), **report["values"]}

        def __repr__(self) -> str:
            """What the Ray dashboard calls this actor, for as long as it lives."""
            return "trials" if record.reuse_actors or not hasattr(self, "spec") else trial_name(self.spec.number)

    return Trial


def _searcher(
    optuna_study: optuna.Study, record: StudyRecord, make_spec: Callable[[optuna.Trial], TrialSpec], events: Events
) -> Any:
    from ray.tune.search import Searcher

    class AskTell(Searcher):
        """Tune asks Optuna for points and tells it how they ended."""

        def __init__(self) -> None:
            super().__init__()
            self.trials: dict[str, optuna.Trial] = {}

        def set_search_properties(self, *_: Any, **__: Any) -> bool:
            return True

        def suggest(self, trial_id: str) -> dict[str, Any]:
            trial = optuna_study.ask()
            self.trials[trial_id] = trial
            spec = make_spec(trial)
            events.started(trial.number, trial.params)
            return {"trial": trial.number, "spec": spec.model_dump_json()}

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            trial = self.trials.get(trial_id)
            if trial is not None and not result["final"]:
                self._report(trial, result)
                events.progressed(trial.number, result)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            trial = self.trials.pop(trial_id, None)
            if trial is None:
                return
            if error or result is None:
                outcome = {"status": "failed", "reason": WORKER_DIED, "values": {}, "replicates": []}
            elif not result.get("final"):
                self._report(trial, result)  # the report on which the scheduler stopped it: Tune skips `on_trial_result` then
                outcome = {"status": "pruned", "reason": f"stopped early by {record.scheduler}", "values": {}, "replicates": []}
            else:
                outcome = json.loads(result["outcome"])
            events.finished(tell(optuna_study, trial, record, outcome))

        def _report(self, trial: optuna.Trial, result: dict[str, Any]) -> None:
            value = result.get(f"validation_{record.metrics[0]}")
            if value is not None and len(record.metrics) == 1:  # Optuna keeps intermediate values for one metric only
                trial.report(value, result["step"])

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its searcher for `Tuner.restore`, which is not used: the journal is the state."""
            return (dict, ())

        def save(self, checkpoint_path: str) -> None:
            """Nothing to save, for the same reason."""

        def restore(self, checkpoint_path: str) -> None:
            """Never called: resuming is a new Tune run."""

    return AskTell()


def _scheduler(record: StudyRecord, direction: str) -> Any:
    """The early-stopping rule, on the first searched metric.

    Reports carry it (as `comparable`) only once the objective's schedules have ended, and nothing is stopped before half of
    the run: models in mid-annealing cannot be compared.
    """
    if record.scheduler == "none":
        return None
    from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

    metric, mode = "comparable", "min" if direction == "minimize" else "max"
    half = max(1, record.budget.steps // 2)
    if record.scheduler == "asha":
        return ASHAScheduler(
            time_attr="step", metric=metric, mode=mode, grace_period=half, max_t=record.budget.steps + 1, reduction_factor=2
        )
    never = float(record.budget.steps)  # to be paused for others: a paused trial would start again
    return MedianStoppingRule(
        time_attr="step", metric=metric, mode=mode, grace_period=half, min_samples_required=3, min_time_slice=never
    )


def search(folder: StudyFolder, space: LoadedSpace, events: Events) -> optuna.Study:
    """Run what is left of a study, on the Ray cluster that is connected.  Returns the Optuna study, nothing RUNNING in it.

    KeyboardInterrupt passes through after everything has been told and written.
    """
    from ray import tune
    from ray.tune.error import TuneError

    record = folder.record
    check_shared(folder.path)
    optuna_study = load_optuna_study(folder)
    reconcile(optuna_study)
    enqueue_start(optuna_study, record, space)
    finished = len(finished_trials(optuna_study))
    left = record.trials - finished
    if left <= 0:
        return optuna_study
    optuna_study.sampler = make_sampler(record, finished)

    def make_spec(trial: optuna.Trial) -> TrialSpec:
        return spec_of(folder, trial.number, space.configure(trial, record.budget.steps, record.dataset["name"]))

    (folder.path / "logs").mkdir(exist_ok=True)
    tuner = tune.Tuner(
        _trainable(record),
        tune_config=tune.TuneConfig(
            search_alg=_searcher(optuna_study, record, make_spec, events),
            scheduler=_scheduler(record, record.directions[0]),
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
    try:
        tuner.fit()
    except TuneError as error:  # Tune wraps what a callback raises into text; a full disk is the user's to fix
        last = str(error).strip().splitlines()[-1]
        if "[Errno" in last:
            raise UserError(f"the search stopped ({last}); mend it and go on with --resume {record.name}") from None
        raise
    finally:
        with contextlib.suppress(OSError):  # what cannot be written now is reconciled when the study resumes
            reconcile(optuna_study)
    return optuna_study
