"""Metrics measured afterwards: only what was missing, only once, only where there are models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis import load_study
from analysis.tables.measured import measure
from models.errors import UserError
from study.records.folder import StudyFolder
from tests.studies import LAPTOP


@pytest.fixture
def study_path(tiny_study: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("analysis.tables.measured.POINTS", 500)
    return Path(shutil.copytree(tiny_study.path, tmp_path / "tiny"))


def test_what_was_recorded_stays_and_the_rest_is_added(study_path: Path) -> None:
    before = load_study(study_path)
    after = measure(before, ["mig", "modularity"])
    pd.testing.assert_series_equal(after.trials["mig"], before.trials["mig"])
    assert "modularity" not in before.trials and "modularity" in after.measured
    assert after.trials["modularity"].between(0, 1).all()
    assert list(after.trials["trial"]) == list(before.trials["trial"])


def test_measured_once(study_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure(load_study(study_path), ["modularity"])
    shutil.rmtree(study_path / "models")
    again = measure(load_study(study_path), ["modularity"])
    pd.testing.assert_series_equal(first.trials["modularity"], again.trials["modularity"])


def test_a_metric_that_was_not_measured_yet_is_measured(study_path: Path) -> None:
    measure(load_study(study_path), ["modularity_active"])
    after = measure(load_study(study_path), ["modularity"])  # no name for what is known, though it begins like it
    assert after.trials["modularity"].notna().all() and after.trials["modularity_active"].notna().all()


def test_a_model_that_two_studies_share_counts_once(study_path: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(study_path, tmp_path / "again")
    both = load_study(study_path, copy)
    assert len(both.usable) == 2 * len(both.distinct) > 0


def test_a_study_without_models_says_so() -> None:
    with pytest.raises(UserError, match=r"example kept no models \(models/\*.vae\) to measure modularity on"):
        measure(load_study(LAPTOP), ["modularity"])
