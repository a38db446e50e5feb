"""What a stopped trial leaves: its curve, its digest, and no checkpoint."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from study.config import TrialConfig
from study.records.folder import StudyFolder, checkpoint_path, history_path, model_path
from study.records.live import live_path
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome
from study.records.pace import Pace
from study.search.actor import AWAY, TrialActor
from study.search.events import Events
from study.search.journal import finished_trials, load_optuna_study, reconcile, tell
from study.search.leftovers import Leftovers
from study.search.trial import TrialSpec, spec_of
from study.search.tune import AskTell
from study.spaces import load_space
from tests.study.search.test_search import record


def test_a_stopped_trial_keeps_its_curve_and_loses_its_checkpoint(tmp_path: Path) -> None:
    config = TrialConfig(dataset="digits", training={"steps": 10})
    spec = TrialSpec(
        number=3, config=config, root_seed=0, replicates=2, metrics=("recon",), points=10, folder=tmp_path, data=tmp_path
    )
    leftovers, digest = Leftovers(Mirror(tmp_path, None)), config.digest()
    for replicate, step in ((0, 5), (0, 10), (1, 5)):
        row = {"step": step, "recon": 100.0 - step}
        leftovers.keep(spec, {"replicate": replicate, "seconds": 1.5, "history": json.dumps(row), **row})
    history_path(tmp_path, digest, 0).parent.mkdir()
    history_path(tmp_path, digest, 0).write_text("[]")  # the first seed had ended and written its own
    checkpoint_path(tmp_path, digest, 1).parent.mkdir()
    checkpoint_path(tmp_path, digest, 1).write_bytes(b"weights")

    outcome = leftovers.pruned(spec, "stopped early by asha")
    assert (outcome.status, outcome.config_digest, outcome.steps) == ("pruned", digest, 15)
    assert [row["replicate"] for row in outcome.replicates] == [0, 1]
    assert history_path(tmp_path, digest, 0).read_text() == "[]"
    assert json.loads(history_path(tmp_path, digest, 1).read_text()) == [{"step": 5, "recon": 95.0}]
    leftovers.clear(spec)
    assert not list((tmp_path / "checkpoints").iterdir())
    assert leftovers.reports == {}


def trained(tmp_path: Path) -> tuple[Leftovers, TrialSpec, Outcome]:
    """A trial that a worker of another machine has ended, whose folder here is empty; its mirror; its outcome."""
    config = TrialConfig(dataset="digits", training={"steps": 10})
    spec = TrialSpec(number=3, config=config, root_seed=0, replicates=2, metrics=("recon",), points=10, folder=tmp_path / "here",
        data=tmp_path, remote=(tmp_path / "store").as_uri())  # fmt: skip
    worker = Mirror(tmp_path / "there", spec.remote)
    for path in (*(of(worker.local, config.digest(), 0) for of in (history_path, model_path, checkpoint_path)),
        history_path(worker.local, config.digest(), 1)):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[{len(path.name)}]")
        worker.push(path)
    rows = [
        {"replicate": i, "status": s, "reason": "", "steps": 10, "seconds": 1.0} for i, s in enumerate(("complete", "diverged"))
    ]
    return Leftovers(Mirror(spec.folder, spec.remote)), spec, Outcome.trained(rows, {}, **spec.described())


def test_results_of_another_machine_come_here_and_its_checkpoint_goes(tmp_path: Path) -> None:
    leftovers, spec, ended = trained(tmp_path)
    leftovers.gather(spec, ended)
    digest = spec.config.digest()
    assert history_path(spec.folder, digest, 0).is_file() and history_path(spec.folder, digest, 1).is_file()
    assert model_path(spec.folder, digest, 0).is_file() and not model_path(spec.folder, digest, 1).exists(), "one diverged"
    leftovers.clear(spec)
    assert sorted(path.parent.name for path in leftovers.mirror.there()) == ["histories", "histories", "models"]


@pytest.mark.parametrize("lacks", [history_path, model_path])
def test_a_result_that_does_not_come_is_not_a_result_without_history(tmp_path: Path, lacks: Any) -> None:
    """A table takes a missing history for one without rows, and an ended trial once: it must not be told then."""
    leftovers, spec, ended = trained(tmp_path)
    leftovers.mirror.delete(lacks(spec.folder, spec.config.digest(), 0))
    with pytest.raises(AwayError, match=r"^the store at .* lacks .*, which a worker has put there$"):
        leftovers.gather(spec, ended)


@pytest.mark.parametrize("how", ["the driver cannot fetch", "the worker could not store"])
def test_a_trial_whose_result_does_not_come_is_not_told_and_tried_again(tmp_path: Path, how: str) -> None:
    store = (tmp_path / "store").as_uri()
    folder = StudyFolder.new(tmp_path / "runs", "s", store)
    folder.write(record(remote=store))
    optuna_study, space = load_optuna_study(folder), load_space("dsprites_capacity")
    searcher = AskTell(optuna_study, folder, lambda trial: spec_of(folder, trial.number, space.configure(trial, 10)), Events())
    spec = TrialSpec.model_validate_json(searcher.suggest("a")["spec"])
    assert spec.remote == store and spec.here().folder != folder.path
    if how == "the driver cannot fetch":
        rows = [{"replicate": 0, "status": "complete", "reason": "", "steps": 10, "seconds": 1.0, "recon": 1.0, "mig": 0.1}]
        ended = Outcome.trained(rows, {"recon": 1.0, "mig": 0.1}, **spec.described())
        result = {"final": True, "done": True, "outcome": json.dumps(ended.record())}
    else:
        result = {AWAY: "the store cannot be used", "final": True, "done": True}
    searcher.on_trial_complete("a", result)
    with pytest.raises(UserError, match="go on with --resume s when that is mended"):
        searcher.suggest("b")
    reconcile(optuna_study, folder.record)
    states = [(trial.state.name, trial.user_attrs.get("retry_of")) for trial in optuna_study.get_trials()]
    assert states == [("FAIL", None), ("WAITING", 0)] and finished_trials(optuna_study) == []


def test_a_worker_that_died_with_ray_is_no_result(tmp_path: Path) -> None:
    """Killed once, tried again, and then its raylet went: told as a worker that had died twice, it was one trial fewer."""
    folder, space = StudyFolder.new(tmp_path, "s"), load_space("dsprites_capacity")
    folder.write(record())
    optuna_study, there = load_optuna_study(folder), iter([True, False])
    searcher = AskTell(
        optuna_study,
        folder,
        lambda trial: spec_of(folder, trial.number, space.configure(trial, 10)),
        Events(),
        lambda: next(there),
    )
    for name in ("a", "b"):
        searcher.suggest(name)
        searcher.on_trial_complete(name, error=True)
    reconcile(optuna_study, folder.record)
    states = [(trial.state.name, trial.user_attrs.get("retry_of")) for trial in optuna_study.get_trials()]
    assert states == [("FAIL", None), ("FAIL", None), ("WAITING", 1)] and len(finished_trials(optuna_study)) == 1


def test_a_trial_that_crashes_keeps_its_configuration(tmp_path: Path) -> None:
    config = TrialConfig(dataset="folder:/nowhere", training={"steps": 10})
    spec = TrialSpec(
        number=3, config=config, root_seed=0, replicates=1, metrics=("recon",), points=10, folder=tmp_path, data=tmp_path
    )
    actor = TrialActor({"spec": spec.model_dump_json(), "reused": False})
    told = actor.step()
    assert told["final"] and told["done"]
    outcome = Outcome(**json.loads(told["outcome"]))
    assert (outcome.status, outcome.config_digest) == ("failed", config.digest()) and outcome.config is not None
    assert outcome.reason.startswith("UserError: /nowhere is not a folder")
    assert "Traceback" in (tmp_path / "logs" / "trial-003.log").read_text()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_trial_that_meets_a_full_disk_gives_itself_back(number: int, tmp_path: Path) -> None:
    """It was told as failed: one trial fewer when the disk had room again."""
    config = TrialConfig(dataset="digits", training={"steps": 10})
    spec = TrialSpec(
        number=3, config=config, root_seed=0, replicates=1, metrics=("recon",), points=10, folder=tmp_path, data=tmp_path
    )

    def report() -> Outcome:
        raise OSError(number, os.strerror(number), str(tmp_path / "checkpoints"))

    actor = TrialActor({"spec": spec.model_dump_json(), "reused": False})
    actor.reports = (report() for _ in range(1))
    told = actor.step()
    assert told["done"] and told["final"] and os.strerror(number) in told[AWAY] and "outcome" not in told


def test_checkpoints_of_told_trials_do_not_outlive_a_killed_driver(tmp_path: Path) -> None:
    """Killed between telling a trial and removing its checkpoint; that of an interrupted trial stays for its retry."""
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record())
    optuna_study, space = load_optuna_study(folder), load_space("dsprites_capacity")
    digests = []
    for outcome_of_it in (True, False):
        trial = optuna_study.ask()
        spec = spec_of(folder, trial.number, space.configure(trial, 10))
        digests.append(spec.config.digest())
        path = checkpoint_path(folder.path, digests[-1], 0)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"weights")
        if outcome_of_it:
            tell(optuna_study, trial, folder.record, Outcome.pruned("early", **spec.described()))
    reconcile(optuna_study, folder.record)
    Leftovers(folder.mirror).sweep(optuna_study.get_trials())
    assert [path.name[:16] for path in folder.path.glob("checkpoints/*")] == [digests[1][:16]]


def test_a_running_trial_can_be_watched_here_while_its_store_answers(tmp_path: Path) -> None:
    store = (tmp_path / "store").as_uri()
    folder = StudyFolder.new(tmp_path / "runs", "s", store)
    folder.write(record(remote=store))
    space = load_space("dsprites_capacity")
    searcher = AskTell(
        load_optuna_study(folder), folder, lambda trial: spec_of(folder, trial.number, space.configure(trial, 10)), Events()
    )
    searcher.suggest("a")
    worker = Mirror(tmp_path / "there", store)
    path = live_path(worker.local, 0)
    path.parent.mkdir(parents=True)
    path.write_text("a film")
    worker.push(path)
    report = {"final": False, "replicate": 0, "step": 5, "seconds": 1.0, "history": "{}"}
    searcher.on_trial_result("a", report)
    assert live_path(folder.path, 0).read_text() == "a film"
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("not a folder")
    searcher.watching = Pace(1.0)
    searcher.on_trial_result("a", report)
    assert searcher.refused is None and live_path(folder.path, 0).read_text() == "a film"
