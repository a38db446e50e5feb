"""ModelCentrality over a study: asked once, of the models that are there; and the command that shows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis import centrality, load_study
from analysis.tables.centrality import centrality_table, judged, measure_agreements
from models.errors import UserError
from study.metrics.model_centrality import model_centrality
from study.records.folder import StudyFolder
from tests.studies import LAPTOP

runner = CliRunner()


@pytest.fixture
def study_path(tiny_study: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"HALF": 10, "WIDTH": 4, "FREE": 20}.items():
        monkeypatch.setattr(f"study.metrics.model_centrality.{name}", value)
    return Path(shutil.copytree(tiny_study.path, tmp_path / "tiny"))


def test_a_table_of_all_pairs_that_is_asked_once(study_path: Path) -> None:
    study = load_study(study_path)
    shares = measure_agreements(study)
    assert len(shares) == 9 and shares["share"].between(0, 1).all()
    table = centrality_table(study, shares)
    matrix = shares.pivot_table(index="encoder", columns="generator", values="share")
    expected = dict(zip(matrix.index, model_centrality(matrix.to_numpy()), strict=True))
    assert {row.trial: row.model_centrality for row in table.itertuples()} == pytest.approx(expected)
    assert table["model_centrality_kappa"].is_monotonic_decreasing
    shutil.rmtree(study_path / "models")
    pd.testing.assert_frame_equal(measure_agreements(study), shares)


def test_trials_that_came_later_are_asked_too(study_path: Path) -> None:
    study = load_study(study_path)
    first = measure_agreements(study)
    few = first[(first["encoder"] < 2) & (first["generator"] < 2)]
    few.to_parquet(study_path / "agreements.parquet")
    again = measure_agreements(study)
    pd.testing.assert_frame_equal(again.reset_index(drop=True), first.reset_index(drop=True))


def test_what_the_choice_gives_away(study_path: Path) -> None:
    study = load_study(study_path)
    shares = measure_agreements(study).assign(share=lambda rows: np.where(rows["encoder"] == rows["generator"], 1, 0.5))
    found = judged(study, centrality_table(study, shares))
    assert set(found["chosen_by"]) == {"model_centrality", "model_centrality_kappa"} and "mig" in set(found["target"])
    assert found["spearman"].isna().sum() >= found["target"].nunique()  # all are equally central: no choice at all


def test_the_command(study_path: Path, tmp_path: Path) -> None:
    result = runner.invoke(centrality.app, [str(study_path), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "most central first" in result.output
    assert (tmp_path / "centrality.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(tmp_path / "centrality.csv")) == 3
    document = json.loads(runner.invoke(centrality.app, [str(study_path), "--json", "--out", str(tmp_path)]).output)
    assert len(document["models"]) == 3


def test_a_study_without_models_says_so() -> None:
    with pytest.raises(UserError, match=r"compares at least 2 models, but example kept 0"):
        measure_agreements(load_study(LAPTOP))
