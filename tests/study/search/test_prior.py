"""A short study pays for a long one: its front is trained anew, and TPE knows its trials."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from models.errors import UserError
from study.records.folder import EarlierTrial, StudyFolder, StudyRecord
from study.search.journal import enqueue_start, load_optuna_study, tell
from study.search.prior import Informed, _shift, read_earlier
from study.search.samplers import make_sampler
from study.search.starts import check_start, start_points
from study.spaces import load_space
from tests.studies import LAPTOP
from tests.study.search.test_search import ask, outcome, record

SPACE = load_space("dsprites_capacity")


def short_study(runs: Path, trials: int = 8, **changes: Any) -> StudyFolder:
    """A finished study whose reconstruction is 100 − 1,000 × learning rate, best for the largest; MIG says the opposite."""
    folder = StudyFolder.new(runs, "short")
    folder.write(record("short", **changes))
    optuna_study = load_optuna_study(folder)
    optuna_study.sampler = optuna.samplers.RandomSampler(seed=1)
    for _ in range(trials):
        trial = ask(optuna_study)
        rate = trial.params["learning_rate"]
        tell(optuna_study, trial, folder.record, outcome(recon=100 - 1_000 * rate, mig=0.2 - rate))
    tell(optuna_study, ask(optuna_study), folder.record, outcome("collapsed", recon=500.0, mig=0.0))
    return folder


def with_earlier(folder: StudyFolder, **changes: Any) -> StudyRecord:
    long = record("long", start="study:short", **changes)
    return long.model_copy(update={"earlier": read_earlier(folder, long, SPACE)})


def test_usable_trials_are_copied_front_first(tmp_path: Path) -> None:
    folder = short_study(tmp_path)
    earlier = with_earlier(folder).earlier
    assert len(earlier) == 8  # the collapsed one teaches nothing
    assert [trial.front for trial in earlier] == sorted((trial.front for trial in earlier), reverse=True)
    told = {tuple(trial.params.items()): trial.values for trial in earlier}
    for trial in load_optuna_study(folder).trials[:8]:
        assert told[tuple(trial.params.items())] == tuple(trial.values)


def test_the_front_is_trained_anew_first_and_half_of_the_trials_are_new(tmp_path: Path) -> None:
    folder = short_study(tmp_path)
    long = with_earlier(folder, trials=4)
    front = sorted((trial for trial in long.earlier if trial.front), key=lambda trial: trial.values)
    points = start_points(SPACE, long)
    assert len(front) > 2 and points == [front[0].params, front[-1].params]
    assert start_points(SPACE, long.model_copy(update={"trials": 100})) == [trial.params for trial in front]
    new = StudyFolder.new(tmp_path, "long")
    new.write(long)
    optuna_study = load_optuna_study(new)
    enqueue_start(optuna_study, new.record, SPACE)
    assert [ask(optuna_study).params for _ in points] == points


def test_its_trials_are_not_among_the_new_ones(tmp_path: Path) -> None:
    new = StudyFolder.new(tmp_path, "long")
    new.write(with_earlier(short_study(tmp_path)))
    optuna_study = load_optuna_study(new)
    optuna_study.sampler = make_sampler(new.record, 0)
    tell(optuna_study, ask(optuna_study), new.record, outcome(recon=50.0, mig=0.1))
    ask(optuna_study)  # one running beside the next
    tell(optuna_study, ask(optuna_study), new.record, outcome("diverged"))
    assert [trial.number for trial in load_optuna_study(new).trials] == [0, 1, 2]


def planted(count: int) -> tuple[EarlierTrial, ...]:
    """β-VAEs whose reconstruction is best where the learning rate is near 1e-3; MIG is the same for all."""
    rng = np.random.default_rng(0)
    rates = np.exp(rng.uniform(np.log(4e-4), np.log(2e-3), count))
    found = optuna.create_study()
    trials = []
    for rate in rates:
        found.enqueue_trial({"objective": "beta_vae", "learning_rate": float(rate)})
        params = ask(found).params
        trials.append(EarlierTrial(params=params, values=(100 * abs(np.log(rate / 1e-3)), 0.1), front=False))
    return tuple(trials)


def distance(record: StudyRecord, points: int = 20) -> float:
    """How far the first proposals are from a learning rate of 1e-3, mean of |ln|."""
    optuna_study = optuna.create_study(directions=list(record.directions), sampler=make_sampler(record, 0))
    return float(np.mean([abs(np.log(ask(optuna_study).params["learning_rate"] / 1e-3)) for _ in range(points)]))


def test_proposals_follow_the_earlier_trials_from_the_first_one_on() -> None:
    told = record(start="study:short").model_copy(update={"earlier": planted(40)})
    assert distance(told) < 0.75 * distance(record())
    assert distance(told) == distance(told)  # by the seed


def test_earlier_values_move_with_what_training_anew_changed(tmp_path: Path) -> None:
    """Were they left as they are, a longer study's first mediocre point would beat them all."""
    earlier = planted(5)
    optuna_study = optuna.create_study(directions=["minimize", "maximize"])
    assert _shift(earlier, optuna_study.trials) == [0.0, 0.0]
    for trial, change in zip(earlier[:3], (-30.0, -20.0, -90.0), strict=True):
        optuna_study.enqueue_trial(trial.params)
        optuna_study.tell(ask(optuna_study), [trial.values[0] + change, trial.values[1] + 0.05])
    assert _shift(earlier, optuna_study.trials) == pytest.approx([-30.0, 0.05])


def test_once_it_has_as_many_trials_the_study_speaks_for_itself() -> None:
    told = record(start="study:short").model_copy(update={"earlier": planted(3)})
    sampler = make_sampler(told, 0)
    assert isinstance(sampler, Informed)
    optuna_study = optuna.create_study(directions=list(told.directions), sampler=sampler)
    seen = []
    for _ in range(5):
        trial = ask(optuna_study)
        seen.append(sampler.seen is optuna_study)
        optuna_study.tell(trial, [1.0, 0.1])
    assert seen == [False, False, False, True, True]


@pytest.mark.parametrize("sampler", ["nsga2", "random", "qmc"])
def test_other_samplers_begin_with_its_front_only(sampler: str) -> None:
    told = record(sampler=sampler, start="study:short").model_copy(update={"earlier": planted(3)})
    assert type(make_sampler(told, 0)) is type(make_sampler(record(sampler=sampler), 0))


def test_what_cannot_be_started_from(tmp_path: Path) -> None:
    folder = short_study(tmp_path)
    with pytest.raises(UserError, match="must be a study of the same pictures, dsprites 1, but it is of dsprites 0"):
        with_earlier(folder, dataset={"name": "dsprites", "source": "drawn", "digest": "1"})
    with pytest.raises(UserError, match="must have usable trials with the metrics recon, dci, but it has none"):
        with_earlier(folder, metrics=("recon", "dci"))
    other = load_space("dsprites_gamma_arms")
    with pytest.raises(UserError, match="must have trials with the knobs of space dsprites_gamma_arms, but it has none"):
        read_earlier(folder, record("long", space=other.name), other)
    with pytest.raises(
        UserError, match="unknown start 'spaec': choose one of space, recipes, none, study:NAME; did you mean space"
    ):
        check_start("spaec")


def test_reading_a_study_writes_nothing(tmp_path: Path) -> None:
    """Each look at an earlier study, a dry run's too, added a line to its journal."""
    shutil.copytree(LAPTOP, tmp_path / "laptop")
    folder = StudyFolder(tmp_path / "laptop")
    before = folder.journal.read_bytes()
    assert load_optuna_study(folder).get_trials() and folder.journal.read_bytes() == before
