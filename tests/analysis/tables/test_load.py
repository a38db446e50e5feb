"""Studies as tables: what is added, what is missing stays missing, what cannot be compared is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import load_registry, load_study
from analysis.tables.caveats import caveats, provenance, unfinished
from analysis.tables.load import EXAMPLE, home, knobs, shown_name
from models.errors import UserError
from study.records.folder import StudyFolder
from tests.studies import LAPTOP

Change = Callable[[pd.DataFrame], pd.DataFrame]


def changed_study(target: Path, edit: Change = lambda table: table, **record: object) -> Path:
    """A copy of the committed study with another trial table or record: studies in states that are rare."""
    shutil.copytree(LAPTOP, target)
    edit(pd.read_parquet(target / "trials.parquet")).to_parquet(target / "trials.parquet")
    stored = json.loads((target / "study.json").read_text())
    (target / "study.json").write_text(json.dumps({**stored, **record}))
    return target


class TestTables:
    def test_the_committed_study_has_18_trials_and_their_histories(self):
        study = load_study(LAPTOP)
        assert len(study.trials) == 18 and set(study.trials["study"]) == {"example"}
        assert len(study.replicates) == 18
        assert set(study.histories["trial"]) == set(study.trials["trial"])

    def test_variants_follow_the_configuration(self):
        trials = load_study(LAPTOP).trials.set_index("trial")
        assert trials.loc[0, "variant"] == "β-VAE, constant β"
        assert trials.loc[1, "variant"] == "capacity, γ decay"
        assert trials.loc[2, "variant"] == "capacity, constant γ"
        decays = trials["capacity/decay"].isin(["during", "after"])
        assert (trials.loc[decays, "variant"] == "capacity, γ decay").all()

    def test_collapsed_trials_are_listed_but_not_usable(self):
        study = load_study(LAPTOP)
        lost = study.trials[study.trials["status"] == "collapsed"]
        assert len(lost) == 3 and not lost["usable"].any() and not lost["front"].any()
        assert len(study.usable) == 15

    def test_no_trial_of_the_front_is_dominated(self):
        usable = load_study(LAPTOP).usable
        for _, row in usable[usable["front"]].iterrows():
            better = (usable["recon"] <= row["recon"]) & (usable["mig"] >= row["mig"])
            assert better.sum() == 1  # itself

    def test_a_knob_that_a_trial_does_not_have_is_missing(self):
        trials = load_study(LAPTOP).trials
        assert trials.loc[trials["objective"] == "beta_vae", "capacity/gamma_max"].isna().all()
        assert {"architecture", "learning_rate", "capacity/gamma_max"} <= set(knobs(trials))
        assert not {"recon", "steps", "trial"} & set(knobs(trials))

    def test_metrics_carry_unit_direction_and_range(self):
        metrics = load_study(LAPTOP).metrics
        assert list(metrics.index[:2]) == ["recon", "mig"]
        assert metrics.loc["recon", ["unit", "direction", "searched"]].tolist() == ["nats", "minimize", True]
        assert metrics.loc["mig", ["low", "high"]].tolist() == [0.0, 1.0]
        assert not metrics.loc["kl", "searched"]

    def test_a_real_small_study_has_every_seed(self, tiny_study: StudyFolder):
        study = load_study(tiny_study.path)
        assert len(study.trials) == 3 and len(study.replicates) == 6
        median = study.replicates.groupby("trial")["recon"].median()
        assert np.allclose(study.trials.set_index("trial")["recon"], median)
        assert provenance(study).endswith("medians of n = 2 seeds")


class TestSeveral:
    def test_studies_of_different_budgets_have_their_own_fronts(self, tiny_study: StudyFolder):
        both = load_study(LAPTOP, tiny_study.path)
        assert len(both.terms) == 2
        assert both.trials.groupby("terms")["front"].any().all()
        assert any("cannot be compared" in line for line in caveats(both))

    def test_studies_of_one_setting_share_a_front(self, tmp_path: Path):
        worse = changed_study(tmp_path / "worse", lambda table: table.assign(recon=table["recon"] + 500, mig=table["mig"] / 2))
        both = load_study(LAPTOP, worse)
        assert len(both.terms) == 1
        assert set(both.usable[both.usable["front"]]["study"]) == {"example"}

    def test_two_studies_of_one_name_are_told_apart(self, tmp_path: Path):
        paths = [changed_study(tmp_path / parent / "same") for parent in ("a", "b")]
        assert list(load_study(*paths).folders) == ["same", "b/same"]

    def test_different_metrics_side_by_side(self, tmp_path: Path):
        other = changed_study(
            tmp_path / "other",
            lambda table: table.drop(columns="mig").assign(sap=0.1),
            metrics=["recon", "sap"],
        )
        both = load_study(LAPTOP, other)
        assert both.searched == ["recon"]
        assert both.trials.loc[both.trials["study"] == "other", "mig"].isna().all()
        assert both.usable.groupby("study").size().to_dict() == {"example": 15, "other": 15}


class TestBadInput:
    def test_not_a_study(self, tmp_path: Path):
        changed_study(tmp_path / "mine")
        with pytest.raises(UserError, match=r"nope is not a study: no study\.json in .*; there are: mine"):
            load_study("nope", runs=tmp_path)

    def test_none_and_twice(self):
        with pytest.raises(UserError, match="name at least one study"):
            load_study()
        with pytest.raises(UserError, match="must be named once, but got example twice"):
            load_study("example", "example")

    def test_a_study_that_has_only_begun(self, tmp_path: Path):
        begun = changed_study(tmp_path / "begun")
        for table in begun.glob("*.parquet"):
            table.unlink()
        study = load_study(begun)
        assert study.trials.empty and study.usable.empty and study.metrics.index.tolist() == ["recon", "mig"]
        assert unfinished(study) == ["begun is not finished: 0 of 18 trials have ended; this is what there is so far"]

    def test_a_running_study_says_how_far_it_is(self, tmp_path: Path):
        def half(table: pd.DataFrame) -> pd.DataFrame:
            running = table["trial"] >= 9
            table.loc[running, ["status", "config", "recon", "mig"]] = ["running", None, None, None]
            return table

        study = load_study(changed_study(tmp_path / "half", half))
        assert unfinished(study)[0].startswith("half is not finished: 9 of 18 trials")
        assert study.trials.loc[study.trials["trial"] >= 9, "usable"].eq(False).all()

    def test_caveats_of_one_seed_a_short_budget_and_drawn_data(self):
        told = " ".join(caveats(load_study(LAPTOP)))
        for words in ("n = 1", "1,200 steps", "drawn", "3 collapsed", "15 usable trials"):
            assert words in told


class TestPlaces:
    def test_the_example_is_never_written_into(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("VAE_RUNS", str(tmp_path))
        assert home(StudyFolder(EXAMPLE)) == tmp_path / "example"
        assert home(StudyFolder(tmp_path / "mine")) == tmp_path / "mine"
        assert [shown_name(StudyFolder(path)) for path in (EXAMPLE, tmp_path / "mine")] == ["example", "mine"]

    def test_a_study_of_the_user_may_be_called_example(self, tmp_path: Path):
        mine = changed_study(tmp_path / "example", lambda table: table.head(2))
        assert load_study("example", runs=tmp_path).folders["example"].path == mine

    def test_registry_as_a_table(self, tiny_registry: Path, tmp_path: Path):
        table = load_registry(tiny_registry)
        assert table.loc[0, ["name", "version", "study"]].tolist() == ["dsprites_capacity", 1, "tiny"]
        assert table.loc[0, "recon"] > 0
        assert load_registry(tmp_path / "none").empty
