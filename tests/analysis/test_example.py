"""The packaged study: every command of its README that only looks, and its model in the registry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from analysis import disentanglement, load_study, outliers
from analysis.reporting.first_screen import first_screen
from analysis.reporting.front_models import Gallery
from analysis.tables.load import EXAMPLE
from analysis.tables.pairs import matched_table, paired_seeds
from registry import Store, load
from registry.bundle import import_bundle
from study.publishing.trials import with_models
from study.records.folder import StudyFolder
from study.records.winners import confirmed_medians, front_to_keep
from study.search.resume import continued


def test_all_of_its_trials_have_a_usable_model_and_what_stands_for_the_front_is_confirmed() -> None:
    study = load_study("example")
    assert len(study.usable) == 16
    folder = study.folders["example"]
    medians = confirmed_medians(folder)
    assert set(front_to_keep(folder)["trial"]) <= set(medians.index) and (medians["seeds"] == 3).all()


@pytest.mark.parametrize("command", [outliers, disentanglement], ids=lambda module: module.__name__)
def test_it_has_an_outlier_metric_to_compare_by(command, tmp_path: Path) -> None:
    result = CliRunner().invoke(command.app, ["example", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert "outlier_ap" in result.output


def test_the_report_says_what_fresh_seeds_gave_the_winner() -> None:
    study = load_study("example")
    screen = first_screen(study, ("recon", "mig"), Gallery(EXAMPLE, {}, None))
    assert screen.trial == 8 and "medians of 3 fresh seeds: reconstruction NLL 91.6, MIG 0.064." in screen.sure


def test_its_model_can_be_brought_into_a_registry(tmp_path: Path) -> None:
    import_bundle(Store(tmp_path / "store"), EXAMPLE / "model.tar")
    mu, _ = load("dsprites_capacity", registry=tmp_path / "store").encode(np.zeros((2, 1, 64, 64), dtype=np.float32))
    assert mu.shape == (2, 6)


def test_it_can_be_extended() -> None:
    folder = StudyFolder(EXAMPLE)
    assert continued(folder, {}, 4).trials == folder.record.trials + 4


def test_a_study_of_single_trials_has_nothing_to_pair() -> None:
    study = load_study("example")
    assert matched_table(paired_seeds(study, "architecture"), study.measured).empty


def test_what_is_published_of_it_is_what_has_a_model() -> None:
    folder = StudyFolder(EXAMPLE)
    told: list[str] = []
    kept = with_models(folder, front_to_keep(folder), told.append)
    assert kept["trial"].tolist() == [8]
    (line,) = told
    assert line.endswith("trial 0, 2, 4, 9")
