"""Telling Optuna the truth: states, interruptions, retries; without Ray, on real journals."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from models.errors import UserError
from study.records.folder import StudyFolder, StudyRecord, history_path
from study.records.outcome import OUTCOME, Outcome
from study.records.tables import Tables, read_table, trial_rows, write_tables
from study.search.cluster import slots
from study.search.events import Events
from study.search.journal import enqueue_start, finished_trials, load_optuna_study, reconcile, tell
from study.search.knobs import check_knobs, check_names
from study.search.plan import check_address
from study.search.resume import check_same
from study.search.samplers import SAMPLERS, make_sampler
from study.search.starts import start_points
from study.search.trial import TrialSpec, spec_of
from study.search.tune import AskTell
from study.spaces import load_space


def record(name: str = "s", **changes: Any) -> StudyRecord:
    space = load_space("dsprites_capacity")
    values = {
        "name": name, "space": space.name, "metrics": ("recon", "mig"), "directions": ("minimize", "maximize"), "also": ("kl",),
        "budget_name": "smoke", "budget": space.budget("smoke"), "trials": 12, "replicates": 1, "sampler": "tpe",
        "scheduler": "none", "seed": 0, "cpus_per_trial": 1, "gpus_per_trial": 0.0, "data": "data",
        "dataset": {"name": "dsprites", "source": "drawn", "digest": "0"}, "versions": {}, "git": {}, "hardware": {},
        "started": "2026-01-01T00:00:00+00:00", "command": "test",
    }  # fmt: skip
    return StudyRecord(**{**values, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record())
    return folder


def ask(optuna_study: optuna.Study) -> optuna.Trial:
    trial = optuna_study.ask()
    load_space("dsprites_capacity").configure(trial, 100)
    return trial


def outcome(status: Any = "complete", **values: float) -> Outcome:
    row = {"replicate": 0, "status": status, "reason": "", "steps": 1, "seconds": 1.0, **values}
    return Outcome(status=status, config_digest="d" * 64, values=values, replicates=(row,))


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (outcome(recon=100.0, mig=0.1), TrialState.COMPLETE),
        (outcome("collapsed", recon=565.0, mig=0.0), TrialState.COMPLETE),
        (outcome("diverged"), TrialState.PRUNED),
        (outcome(recon=100.0), TrialState.FAIL),
        (outcome(recon=float("nan"), mig=0.1), TrialState.FAIL),
        (outcome("failed", recon=1.0, mig=1.0), TrialState.FAIL),
        (outcome("pruned"), TrialState.PRUNED),
    ],
)
def test_every_outcome_has_its_state(folder: StudyFolder, given: Outcome, state: TrialState) -> None:
    optuna_study = load_optuna_study(folder)
    trial = ask(optuna_study)
    assert tell(optuna_study, trial, folder.record, given).state == state
    tell(optuna_study, trial, folder.record, outcome(recon=1.0, mig=1.0))  # told twice: the first answer stays
    assert optuna_study.trials[0].state == state
    assert trial_rows(optuna_study.trials)[0]["status"] == given.status


def test_interrupted_trials_fail_and_are_retried_once(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    done, cut = ask(optuna_study), ask(optuna_study)
    tell(optuna_study, done, folder.record, outcome(recon=100.0, mig=0.1))
    again = load_optuna_study(folder)  # a new process after a kill
    reconcile(again, folder.record)
    reconcile(again, folder.record)
    assert [t.state for t in again.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    assert len(finished_trials(again)) == 1
    retry = ask(again)
    assert retry.params == cut.params
    assert retry.user_attrs["retry_of"] == cut.number
    tell(again, retry, folder.record, Outcome.failed("OSError: no memory"))
    reconcile(again, folder.record)
    assert len(again.trials) == 3  # it failed by itself: that is its result


def test_a_retry_that_is_interrupted_is_retried_again(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    params = ask(optuna_study).params
    for _ in range(3):
        reconcile(optuna_study, folder.record)
        assert ask(optuna_study).params == params
    assert len(finished_trials(optuna_study)) == 0


def test_a_result_that_was_stored_is_told_and_not_trained_again(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    cut = ask(optuna_study)
    cut.set_user_attr(OUTCOME, outcome(recon=100.0, mig=0.1).record())  # the driver died here
    again = load_optuna_study(folder)
    reconcile(again, folder.record)
    assert [t.state for t in again.trials] == [TrialState.COMPLETE]
    assert again.trials[0].values == [100.0, 0.1]


def test_a_point_that_breaks_a_rule_is_told_and_another_one_asked_for(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    space = load_space("dsprites_capacity")
    broken = iter([True, True, False])

    def make_spec(trial: optuna.Trial) -> TrialSpec:
        config = space.configure(trial, 10)
        if next(broken):
            raise UserError("low <= high must hold")
        return spec_of(folder, trial.number, config)

    suggested = AskTell(optuna_study, folder, make_spec, Events()).suggest("a")
    assert suggested["trial"] == 2
    assert [trial.state for trial in optuna_study.trials] == [TrialState.FAIL, TrialState.FAIL, TrialState.RUNNING]
    assert trial_rows(optuna_study.trials)[0]["status"] == "rejected"
    assert finished_trials(optuna_study) == []
    reconcile(optuna_study, folder.record)
    assert [trial.user_attrs.get("retry_of") for trial in optuna_study.trials] == [None, None, None, 2]


def test_a_hundred_broken_points_end_the_search(folder: StudyFolder) -> None:
    def make_spec(trial: optuna.Trial) -> TrialSpec:
        raise UserError("never")

    searcher = AskTell(load_optuna_study(folder), folder, make_spec, Events())
    with pytest.raises(UserError, match="100 points in a row break a rule of their plug-ins, the last one: never"):
        searcher.suggest("a")


def test_a_changed_space_is_named_and_not_searched(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    space = load_space("dsprites_capacity")
    ask(optuna_study)
    check_knobs(optuna_study, space, 100)
    fewer = replace(space, suggest=lambda trial: {"latent_dim": trial.suggest_categorical("architecture", ["mlp"]) and 4})
    with pytest.raises(UserError, match=r"has changed since this study began: architecture had the choices .*latent_dim is gone"):
        check_knobs(optuna_study, fewer, 100)


@pytest.mark.parametrize(
    ("knob", "choices", "says"),
    [("steps", ["a"], "must not be named like the column steps"), ("size", [1, "two"], "choices of size must be of one type")],
)
def test_knobs_that_no_table_can_hold(knob: str, choices: list[Any], says: str) -> None:
    space = load_space("dsprites_capacity")

    def suggest(trial: optuna.Trial) -> dict[str, Any]:
        trial.suggest_categorical(knob, choices)
        return {}

    with pytest.raises(UserError, match=says):
        check_names(replace(space, suggest=suggest, space=replace(space.space, start=())), 1)


def test_start_points_are_enqueued_once_and_no_more_than_trials(folder: StudyFolder) -> None:
    space = load_space("dsprites_capacity")
    optuna_study = load_optuna_study(folder)
    enqueue_start(optuna_study, folder.record, space)
    enqueue_start(optuna_study, folder.record, space)
    assert len(optuna_study.trials) == len(space.space.start)
    assert ask(optuna_study).params.items() >= dict(space.space.start[0]).items()


def test_recipes_join_the_start_points_and_none_means_none() -> None:
    space = load_space("dsprites_capacity")
    own, recipes = start_points(space, record(start="space")), start_points(space, record(start="recipes"))
    assert own == [dict(point) for point in space.space.start]
    assert recipes[: len(own)] == own and len(recipes) > len(own)
    assert all(recipes.count(point) == 1 for point in recipes)
    assert start_points(space, record(start="none")) == []


def test_the_list_sampler_is_the_grid(tmp_path: Path) -> None:
    space = load_space("dsprites_capacity")
    folder = StudyFolder.new(tmp_path, "grid")
    folder.write(record("grid", sampler="list", trials=len(space.grid_points())))
    optuna_study = load_optuna_study(folder)
    enqueue_start(optuna_study, folder.record, space)
    asked = [ask(optuna_study).params for _ in space.grid_points()]
    assert asked == space.grid_points()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_propose_and_move_on_after_a_resume(folder: StudyFolder, sampler: str) -> None:
    def first(finished: int) -> dict[str, Any]:
        settings = record(sampler=sampler)
        optuna_study = optuna.create_study(directions=list(settings.directions), sampler=make_sampler(settings, finished))
        return ask(optuna_study).params

    assert first(0) == first(0)
    assert first(0) != first(5)


def test_most_trials_of_a_laptop_study_are_informed() -> None:
    laptop = load_space("dsprites_capacity").budget("laptop")
    sampler = make_sampler(record(trials=laptop.trials), 0)
    assert isinstance(sampler, optuna.samplers.TPESampler)
    assert sampler._n_startup_trials <= len(load_space("dsprites_capacity").space.start), "none is drawn at random"
    concurrent = 2
    assert laptop.trials - sampler._n_startup_trials - concurrent >= laptop.trials / 2


def test_tables_hold_every_trial_and_no_invented_values(folder: StudyFolder) -> None:
    optuna_study = load_optuna_study(folder)
    tell(optuna_study, ask(optuna_study), folder.record, outcome(recon=100.0, mig=0.1))
    tell(optuna_study, ask(optuna_study), folder.record, outcome("diverged"))
    ask(optuna_study)
    write_tables(folder, optuna_study.trials)
    table = read_table(folder, "trials")
    assert list(table["status"]) == ["complete", "diverged", "running"]
    assert table["recon"].notna().tolist() == [True, False, False]
    assert list(read_table(folder, "replicates")["trial"]) == [0, 1]
    knobs = {name for trial in optuna_study.trials for name in trial.params}
    assert knobs <= set(table.columns)


def test_the_journal_is_forced_to_the_disk_twice_a_trial(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its point is known and when it has been told, each time the very file, and not at each of its twelve knobs."""
    optuna_study, space = load_optuna_study(folder), load_space("dsprites_capacity")
    forced: list[bytes] = []
    fsync = os.fsync

    def spy(file: int) -> None:
        forced.append(folder.journal.read_bytes())
        fsync(file)

    monkeypatch.setattr(os, "fsync", spy)
    searcher = AskTell(optuna_study, folder, lambda trial: spec_of(folder, trial.number, space.configure(trial, 10)), Events())
    searcher.suggest("a")
    ended = {"final": True, "outcome": json.dumps(outcome(recon=100.0, mig=0.1).record())}
    searcher.on_trial_complete("a", ended)
    assert len(forced) == 2 and forced[1] == folder.journal.read_bytes()
    assert forced[0].count(b"param_name") == len(optuna_study.trials[0].params)


def test_tables_that_grow_are_those_written_at_once(folder: StudyFolder) -> None:
    """Result by result, in any order, with columns and types that only later trials bring."""
    optuna_study = load_optuna_study(folder)
    tables = Tables(folder)
    asked = [ask(optuna_study) for _ in range(4)]
    for number, ended in [(2, outcome("diverged")), (0, outcome(recon=100.0, mig=0.1)), (3, Outcome.failed("OSError: full"))]:
        tell(optuna_study, asked[number], folder.record, ended)
        history_path(folder.path, "d" * 64, 0).parent.mkdir(exist_ok=True)
        history_path(folder.path, "d" * 64, 0).write_text(f'[{{"step": 1, "beta_of_{number}": 1.5}}]')
        tables.write(optuna_study.get_trials(deepcopy=False))
        assert not tables.due  # it has had its share of this very moment
    grown = {name: read_table(folder, name) for name in ("trials", "replicates", "history")}
    write_tables(folder, optuna_study.get_trials(deepcopy=False))
    for name in ("trials", "replicates"):
        pd.testing.assert_frame_equal(grown[name], read_table(folder, name), check_like=True)
    assert grown["history"].groupby("trial").size().to_dict() == {0: 1, 2: 1}
    assert grown["history"]["beta_of_2"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "fit"),
    [
        (1, 0.0, (8, 0), 8),
        (3, 0.0, (8, 4), 2),
        (1, 0.6, (16, 4), 4),
        (1, 0.25, (16, 2), 8),
        (1, 2.0, (16, 3), 1),
        (1, 0.5, (3, 4), 3),
    ],
)
def test_a_trial_fits_a_node_or_does_not(cpus: int, gpus: float, node: tuple[int, int], fit: int) -> None:
    """Of 0.6 each GPU holds one, so that four GPUs are four places and not six."""
    assert slots(record(cpus_per_trial=cpus, gpus_per_trial=gpus), *node) == fit


def test_a_retried_command_must_say_the_same(folder: StudyFolder) -> None:
    check_same(folder, {"space": "dsprites_capacity", "name": "s", "seed": 0, "metrics": "recon, mig", "concurrent": 9})
    with pytest.raises(UserError, match="as it was begun, with --seed 0, but got 3"):
        check_same(folder, {"space": "dsprites_capacity", "seed": 3})


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:port"])
def test_no_such_ray_address(address: str) -> None:
    with pytest.raises(UserError, match="no Ray cluster answers at"):
        check_address(address)


def test_rays_client_cannot_search() -> None:
    with pytest.raises(UserError, match=r"ray://127\.0\.0\.1:1 is for Ray's client"):
        check_address("ray://127.0.0.1:1")


def test_a_study_folder_is_found_by_name_or_path_and_nothing_else(folder: StudyFolder) -> None:
    runs = folder.path.parent
    assert StudyFolder.find("s", runs).record == folder.record
    assert StudyFolder.find(str(folder.path), runs / "elsewhere").record == folder.record
    with pytest.raises(UserError, match=r"nothing is not a study: no study.json in .*; there are: s"):
        StudyFolder.find("nothing", runs)
    with pytest.raises(UserError, match="the study s exists already"):
        StudyFolder.new(runs, "s")
    for bad in ("../up", "", "a/b", ".hidden", "x" * 101):
        with pytest.raises(UserError, match="a study's name is"):
            StudyFolder.new(runs, bad)
    (folder.path / "study.json").write_text('{"format": 1}')
    with pytest.raises(UserError, match="not a study record of this version"):
        _ = StudyFolder.find("s", runs).record
