"""The floor beside a study's values: measured once, kept, and what is missing is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis.figures.pareto import pareto_figure
from analysis.reporting.worth import worth
from analysis.tables.caveats import caveats
from analysis.tables.floor import known_floor, measure_floor
from analysis.tables.load import load_study
from models.errors import UserError
from study.records.folder import StudyFolder
from tests.studies import LAPTOP


def test_a_floor_is_measured_once_and_shown(tiny_study: StudyFolder, tmp_path: Path) -> None:
    shutil.copytree(tiny_study.path, tmp_path / "study")
    studies = load_study(str(tmp_path / "study"))
    assert worth(studies).commands and known_floor(next(iter(studies.folders.values()))).empty
    table = measure_floor(studies)
    assert set(table["metric"]) <= set(studies.measured) and "mig" in set(table["metric"])
    assert table["untrained"].between(0, 0.2).all() and table["sampling_sd"].between(0, 0.1).all()
    assert (table["sampling_sd"] > 0).any()
    shutil.rmtree(tmp_path / "study" / "models")
    assert measure_floor(studies).equals(table), "kept, not measured again"
    shown = worth(studies).tables[0]
    (line,) = [line for line in pareto_figure(studies, "recon", "mig").axes[0].lines if line.get_gid() == "floor-y"]
    assert set(line.get_ydata()) == {table.loc[table["metric"] == "mig", "untrained"].max()}
    assert len(shown.rows) == len(table) and shown.columns[-2:] == ["untrained", "sampling sd"]


def test_a_study_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kept no models"):
        measure_floor(load_study(LAPTOP, runs=tmp_path))


def test_few_points_are_said_to_be_not_comparable(tmp_path: Path) -> None:
    (line,) = [line for line in caveats(load_study(LAPTOP, runs=tmp_path)) if "not comparable" in line]
    assert line.startswith("metrics of codes on 5,000 images") and "15,000" in line
