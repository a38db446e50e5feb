"""The search: Ray Tune schedules trials that Optuna proposes.  The only file that knows Ray or Optuna's samplers.

Tune runs and places trials; Optuna's journal is the truth about them.  Between the two stands `AskTell`, a Tune searcher on
Optuna's public ask-and-tell interface.  Tune's own `OptunaSearch` is not used because it leaves suggestions RUNNING for ever
when a searched value is missing, tells trials that a scheduler stopped as COMPLETE, and cannot resume without running trials
twice.  Here every suggestion ends as

    COMPLETE   trained and evaluated (also when collapsed: the sampler should learn from the values)
    PRUNED     stopped by the scheduler
    FAIL       diverged, crashed, or interrupted

Resuming and extending are the same thing: a new Tune run on the same Optuna study.  What was RUNNING is told FAIL and its
point is enqueued again; the retry continues from the interrupted training's checkpoint, which is named by the configuration.
"""

from __future__ import annotations

import json
import logging
import math
import os
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from models.errors import UserError
from study.config import TrialConfig
from study.events import Events, trial_name
from study.folder import StudyFolder, StudyRecord
from study.space import LoadedSpace
from study.trial import TrialSpec, run_trial

__all__ = ["finished_trials", "load_optuna_study", "ray_cluster", "retrain", "search", "spec_of"]

INTERRUPTED = "interrupted"
RETRY_OF = "retry_of"
WORKER_DIED = "the worker process died twice (killed, or out of memory)"


# --- Optuna -------------------------------------------------------------------------------------------------------------


def load_optuna_study(folder: StudyFolder, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    """The study's Optuna study, created on first use."""
    record = folder.record
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    return optuna.create_study(
        storage=storage,
        study_name=record.name,
        directions=list(record.directions),
        sampler=sampler or optuna.samplers.RandomSampler(),
        load_if_exists=True,
    )


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
    """A new study begins with the space's start points, or with its whole grid for the `list` sampler."""
    if optuna_study.get_trials(deepcopy=False):
        return
    points = space.grid_points() if record.sampler == "list" else [dict(point) for point in space.space.start]
    for point in points[: record.trials]:
        optuna_study.enqueue_trial(point)


# --- Ray ----------------------------------------------------------------------------------------------------------------


@contextmanager
def ray_cluster(address: str | None, gpus_per_trial: float) -> Iterator[Any]:
    """A connection to the cluster at `address`, or a cluster of this machine; its context knows the dashboard's address.

    Raises `UserError` when nothing answers at the address, or GPUs are asked for where there are none.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Ctrl-C is ours: it must leave a study that resumes
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # Tune's own screen; ours replaces it
    import ray

    _silence()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Nothing of ours goes through the object store (data is memory-mapped), so it can stay small.
        options |= {"include_dashboard": True, "object_store_memory": 100 * 2**20}
    else:
        options |= {"address": address}
    try:
        context = ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise UserError(f"no Ray cluster could be reached at {address or 'this machine'}: {error}") from None
    try:
        available = ray.cluster_resources().get("GPU", 0)
        if gpus_per_trial > available:
            raise UserError(f"--gpus-per-trial {gpus_per_trial:g} needs a GPU, but this Ray cluster has {available:g}")
        yield context
    finally:
        ray.shutdown()


def _silence() -> None:
    """Tune's own chatter is off: the screen is ours.  Errors still come through, as trial rows and logs."""
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def check_shared(folder: Path) -> None:
    """On a cluster of several nodes, every node must see the study's folder.  Raises `UserError` naming those that do not."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    seen = ray.remote(num_cpus=0)(lambda: (folder / "study.json").is_file())
    answers = [
        seen.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote() for node in nodes
    ]
    blind = [node["NodeManagerAddress"] for node, sees in zip(nodes, ray.get(answers), strict=True) if not sees]
    if blind:
        raise UserError(
            f"every node must see the study's folder, but {', '.join(blind)} cannot see {folder}: "
            "give --out a folder on storage that all nodes share"
        )


def concurrency(record: StudyRecord) -> int:
    """How many trials the cluster can run at once."""
    import ray

    resources = ray.cluster_resources()
    slots = resources.get("CPU", 1) // record.cpus_per_trial
    if record.gpus_per_trial:
        slots = min(slots, math.floor(resources.get("GPU", 0) / record.gpus_per_trial + 1e-9))
    if slots < 1:
        raise UserError(
            f"a trial needs {record.cpus_per_trial} CPUs and {record.gpus_per_trial:g} GPUs, "
            f"but the cluster has {resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}"
        )
    return int(slots)


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
                return {**report, "done": False}
            # As one string: Tune flattens nested results before its searcher sees them.
            return {"final": True, "done": True, "outcome": json.dumps(report), **report["values"]}

        def __repr__(self) -> str:
            """What the Ray dashboard calls this actor."""
            return trial_name(self.spec.number) if hasattr(self, "spec") else "trial"

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


OUTCOME = ("status", "reason", "config", "config_digest", "seconds", "steps", "hardware", "values", "replicates")


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
    return MedianStoppingRule(time_attr="step", metric=metric, mode=mode, grace_period=half, min_samples_required=3)


def spec_of(folder: StudyFolder, number: int, config: TrialConfig) -> TrialSpec:
    """What a worker is told about one configuration of this study."""
    record = folder.record
    return TrialSpec(
        number=number,
        config=config,
        root_seed=record.seed,
        replicates=record.replicates,
        metrics=(*record.metrics, *record.also),
        points=record.budget.points,
        folder=folder.path,
        data=Path(record.data),
        cpus=record.cpus_per_trial,
        gpus=record.gpus_per_trial,
    )


def retrain(specs: Sequence[TrialSpec]) -> Iterator[dict[str, Any]]:
    """Run trials that nobody searches (confirmations), on the connected cluster; yields each final report as it comes."""
    import ray

    @ray.remote(max_retries=1)
    def final_report(spec: TrialSpec) -> dict[str, Any]:
        *_, last = run_trial(spec)
        return {"trial": spec.number, **last}

    waiting = [final_report.options(num_cpus=spec.cpus, num_gpus=spec.gpus).remote(spec) for spec in specs]
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(done[0])


def search(folder: StudyFolder, space: LoadedSpace, events: Events) -> optuna.Study:
    """Run what is left of a study, on the Ray cluster that is connected.  Returns the Optuna study, nothing RUNNING in it.

    KeyboardInterrupt passes through after everything has been told and written.
    """
    from ray import tune

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
            # Ray fixes an actor's name when it starts, so a reused one would keep the name of its first trial in the dashboard.
            # A fresh process costs two seconds of imports a trial and gives its memory back.
            reuse_actors=False,
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
    finally:
        reconcile(optuna_study)
    return optuna_study
