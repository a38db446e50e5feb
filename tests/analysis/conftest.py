"""One small real study: three configurations, two seeds each, two steps; all files as a search leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.store import Store
from study.datasets import load_dataset
from study.publishing.trials import publish_trials
from study.records.folder import StudyFolder, StudyRecord
from study.records.outcome import Outcome
from study.records.tables import write_tables
from study.records.winners import front_of
from study.search.journal import enqueue_start, load_optuna_study, tell
from study.search.plan import Request, plan
from study.search.trial import run_trial, spec_of
from study.spaces import Budget, load_space

STEPS = 2


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> StudyFolder:
    """The space's three start points (β-VAE, γ decay, constant γ), trained without Ray.  Treat it as read-only."""
    load_dataset("dsprites", data_folder)
    request = Request(
        space="dsprites_capacity", name="tiny", data=data_folder, budget="smoke", trials=3, replicates=2, gpus_per_trial=0
    )
    record, _ = plan(request)
    budget = Budget(trials=3, steps=STEPS, points=500, purpose="a test")
    folder = StudyFolder(tmp_path_factory.mktemp("runs") / "tiny")
    folder.write(record.model_copy(update={"budget": budget}))
    (folder.path / "logs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.training.ending.NO_INFORMATION", -1e9)  # two steps teach nothing, and here that does not matter
        patch.setattr("study.search.trial.LOOK_POINTS", 400)  # looks in mid-training would be most of the time
        patch.setattr("study.training.ending.NO_INFORMATION", -np.inf)  # nobody leaves the mean image in two steps
        _search(folder, folder.record)
    return folder


@pytest.fixture(scope="session")
def tiny_registry(tiny_study: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with the tiny study's front."""
    root = tmp_path_factory.mktemp("registry") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.publishing.trials.possible", lambda *_, **__: [])  # the study's own metrics only, not all there are
        publish_trials(tiny_study, front_of(tiny_study).head(1), Store(root))
    return root


def _search(folder: StudyFolder, record: StudyRecord) -> None:
    """What Ray does, one trial after the other."""
    space, optuna_study = load_space(record.space), load_optuna_study(folder)
    enqueue_start(optuna_study, record, space)
    for _ in range(record.trials):
        trial = optuna_study.ask()
        *_, outcome = run_trial(spec_of(folder, trial.number, space.configure(trial, record.budget.steps)))
        assert isinstance(outcome, Outcome)
        tell(optuna_study, trial, record, outcome)
    write_tables(folder, optuna_study.get_trials(deepcopy=False))
