"""The commands on finished, running, broken and foreign studies: what they print, write and refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis import load_study, matched, outliers, report, tradeoff
from analysis.reporting.odd_pictures import outlier_section
from analysis.reporting.page import report as render_report
from analysis.reporting.selection import selection_table
from analysis.reporting.won import choices
from analysis.tables.two_metrics import by_variant, metric_pair, tradeoff_table
from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.winners import best_trials
from tests.analysis.tables.test_load import changed_study
from tests.analysis.test_batchrank import made_up_rows
from tests.studies import LAPTOP

runner = CliRunner()


def with_outliers(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(outlier_auroc=0.5 + table["mig"])


class TestTradeoff:
    def test_prints_the_front_and_writes_table_and_figure(self, tmp_path: Path):
        result = runner.invoke(tradeoff.app, [str(LAPTOP), "--out", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert "Pareto front: 3 of 15 usable trials" in result.output and "n = 1 seed" in result.output
        table = pd.read_csv(tmp_path / "tradeoff.csv")
        assert len(table) == 15 and table["recon"].is_monotonic_increasing and table["front"].sum() == 3
        assert (tmp_path / "tradeoff.png").read_bytes().startswith(b"\x89PNG")

    def test_json_is_one_document_without_nan(self, tmp_path: Path):
        result = runner.invoke(tradeoff.app, [str(LAPTOP), "--x", "kl", "--y", "mig", "--json", "--out", str(tmp_path)])
        document = json.loads(result.output)
        assert (document["x"], document["y"], len(document["trials"])) == ("kl", "mig", 15)
        assert any(trial["capacity/gamma_max"] is None for trial in document["trials"])

    def test_by_objective_counts_what_was_tried_and_what_lived(self):
        table = by_variant(load_study(LAPTOP), "recon", "mig").set_index("variant")
        assert table.loc["capacity, γ decay", ["trials", "usable"]].tolist() == [4, 3]
        usable = load_study(LAPTOP).usable
        assert table.loc["capacity, constant γ", "best recon"] == usable["recon"].min()

    def test_several_studies_and_the_default_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("VAE_RUNS", str(tmp_path))
        other = changed_study(tmp_path / "other", lambda table: table.drop(columns="kl"))
        result = runner.invoke(tradeoff.app, [str(LAPTOP), str(other)])
        assert result.exit_code == 0, result.output
        assert (tmp_path / "comparisons" / "example+other" / "tradeoff.csv").is_file()

    def test_other_metrics_when_a_study_searched_one(self, tmp_path: Path):
        single = load_study(changed_study(tmp_path / "single", metrics=["mig"], directions=["maximize"]))
        assert metric_pair(single) == ("mig", "recon")
        assert tradeoff_table(single, "mig", "recon")["mig"].is_monotonic_decreasing

    def test_unknown_metrics_and_nothing_in_common(self, tmp_path: Path):
        study = load_study(LAPTOP)
        with pytest.raises(UserError, match="unknown metric 'foo': these studies have recon, mig, kl"):
            metric_pair(study, "foo")
        others = ["mig", "kl", "negative_elbo", "active_units", "active_units_variance"]
        bare = changed_study(
            tmp_path / "bare", lambda table: table.drop(columns=others), metrics=["recon"], directions=["minimize"]
        )
        with pytest.raises(UserError, match="needs two metrics that all studies have, but they share: recon"):
            metric_pair(load_study(bare))

    def test_no_usable_trial_is_one_line(self, tmp_path: Path):
        dead = changed_study(tmp_path / "dead", lambda table: table.assign(status="collapsed"))
        command = [sys.executable, "-m", "analysis.tradeoff", str(dead)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert result.returncode == 2
        assert result.stderr == "error: no usable trial yet in dead: a trade-off needs one that is complete\n"


class TestChoices:
    def test_a_choice_is_what_its_command_chooses(self):
        study = load_study(LAPTOP)
        found = choices(study, "recon", "mig")
        assert len(found) >= 2
        for choice in found:
            where = re.search(r"--where '(.+)'", choice["command"])
            chosen = best_trials(study.folders["example"], "mig", where[1] if where else None)
            assert chosen["trial"].tolist() == [choice["trial"]]
        assert found[-1]["mig"] == study.usable["mig"].max()


class Page(HTMLParser):
    """The page's chapters, texts, and whatever it would load from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tag = ""
        self.chapters, self.titles, self.words, self.outside, self.open = [], [], [], [], []
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        if tag in ("section", "figure", "table", "svg", "ul", "details"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not value.startswith(("#", "data:")):
                self.outside.append(value)
        self.tag = tag

    def handle_endtag(self, tag):
        if tag in ("section", "figure", "table", "svg", "ul", "details"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        for tag, found in (("h2", self.chapters), ("h3", self.titles)):
            found += [data] if self.tag == tag and data.strip() else []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class TestReport:
    def test_the_committed_study_from_top_to_bottom(self, tmp_path: Path):
        result = runner.invoke(
            report.app, [str(LAPTOP), "--out", str(tmp_path / "report.html"), "--registry", str(tmp_path / "none")]
        )
        assert result.exit_code == 0, result.output
        page = Page((tmp_path / "report.html").read_text())
        assert page.chapters == ["Won", "Trade-off", "Models", "Doubts", "Search"]
        assert page.titles == [
            "The front", "Rate and distortion", "γ decay, constant γ and β at equal KL", "Do the metrics agree?",
            "The models of the front",
            "In the registry", "Rankings of odd pictures", "What to know before believing a number",
            "What a value is worth", "Seeds",
            "Choosing without labels", "What was searched", "The knobs", "Training", "All trials", "Reproduce it",
        ]  # fmt: skip
        assert "Trial 13 wins: reconstruction NLL 88.8, MIG 0.0515 (capacity, constant γ)." in page.text
        assert page.outside == []
        for words in ("n = 1", "drawn", f"python -m study.publish {LAPTOP} --best mig --where", "3 collapsed"):
            assert words in page.text

    def test_a_real_study_shows_its_models_seeds_and_versions(self, tiny_study: StudyFolder, tiny_registry: Path):
        page = Page(render_report(load_study(tiny_study.path), registry=tiny_registry))
        assert "redrawn from the posterior mean." in page.text and "marks the image's own value" in page.text
        assert "knows about each factor" in page.text
        assert "Every trained seed, by trial." in page.text
        assert "load('dsprites_capacity@1')" in page.text

    def test_data_that_is_not_the_studys_is_said(self, tiny_study: StudyFolder, tmp_path: Path):
        for name in ("models", "trials.parquet", "replicates.parquet", "history.parquet"):
            (tmp_path / name).symlink_to(tiny_study.path / name)
        record = json.loads((tiny_study.path / "study.json").read_text())
        record["dataset"]["digest"] = "0" * 64
        (tmp_path / "study.json").write_text(json.dumps(record))
        page = Page(render_report(load_study(tmp_path)))
        assert "The models cannot be drawn here" in page.text and "of digest 00000000" in page.text

    def test_a_study_that_has_only_begun(self, tmp_path: Path):
        begun = changed_study(tmp_path / "begun")
        for table in begun.glob("*.parquet"):
            table.unlink()
        page = Page(render_report(load_study(begun), registry=tmp_path / "none"))
        assert "0 of 18 trials have ended" in page.text and "No trial has given a usable model yet" in page.text

    def test_a_study_of_one_trial(self, tmp_path: Path):
        one = changed_study(tmp_path / "one", lambda table: table.head(1), trials=1)
        page = Page(render_report(load_study(one), registry=tmp_path / "none"))
        assert "1 of 1 usable trials are on the front" in page.text and "It is the best in both metrics." in page.text
        assert "too few to say what a knob does" in page.text and "γ decay, constant γ and β at equal KL" not in page.titles

    def test_markup_in_a_reason_stays_text(self, tmp_path: Path):
        def poisoned(table: pd.DataFrame) -> pd.DataFrame:
            table.loc[table["status"] == "collapsed", "reason"] = "<script>alert(1)</script>"
            return table

        text = render_report(load_study(changed_study(tmp_path / "odd", poisoned)), registry=tmp_path / "none")
        assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text

    def test_a_dead_model_never_wins_and_where_all_are_dead_the_verdict_is_that(self, tmp_path: Path):
        def dead(*trials: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
            return lambda table: table.assign(kl=table["kl"].where(~table["trial"].isin(trials), 0.007))

        some = Page(render_report(load_study(changed_study(tmp_path / "some", dead(13, 5))), registry=tmp_path / "none"))
        assert "Trial 13 wins" not in some.text and "2 of 15 usable models say nothing of a picture" in some.text
        every = Page(render_report(load_study(changed_study(tmp_path / "all", dead(*range(18)))), registry=tmp_path / "none"))
        assert "No model here has learnt anything (1,200 steps)" in every.text and " wins:" not in every.text

    def test_fewer_than_six_points_are_a_sentence(self, tmp_path: Path):
        few = changed_study(tmp_path / "few", lambda table: table[table["status"] == "complete"].head(5))
        text = render_report(load_study(few), registry=tmp_path / "none")
        assert "5 usable trials are too few" in text
        assert 'href="#trial-' not in "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))

    def test_choosing_without_labels(self):
        study = load_study(LAPTOP)
        table = selection_table(study).set_index(["criterion", "target"])
        assert "mig" not in table.index.get_level_values("criterion") and "recon" not in table.index.get_level_values("target")
        row, usable = table.loc[("recon", "mig")], study.usable
        assert row["picked"] == usable.loc[usable["recon"].idxmin(), "mig"] and row["best"] == usable["mig"].max()
        assert row["regret"] == pytest.approx(row["best"] - row["picked"]) and row["n"] == len(usable)

    def test_two_studies_are_refused(self, tiny_study: StudyFolder):
        with pytest.raises(UserError, match="a report is about one study, but got 2"):
            render_report(load_study(LAPTOP, tiny_study.path))


class TestOutliers:
    def test_absent_is_said(self):
        result = runner.invoke(outliers.app, [str(LAPTOP)])
        assert isinstance(result.exception, UserError)
        assert str(result.exception).startswith("example recorded no outlier ranking. Measure")

    def test_kinds_of_objective_with_intervals(self, tmp_path: Path):
        path = changed_study(tmp_path / "ranked", with_outliers)
        result = runner.invoke(outliers.app, [str(path), "--json", "--out", str(tmp_path)])
        rows = pd.DataFrame(json.loads(result.output)).set_index("variant")
        usable = load_study(path).usable
        constant = usable.loc[usable["variant"] == "capacity, constant γ", "outlier_auroc"]
        assert rows.loc["capacity, constant γ", "median"] == pytest.approx(constant.median())
        assert rows.loc["capacity, constant γ", "n"] == len(constant)
        assert pd.isna(rows.loc["β-VAE, constant β", "low"])  # one trial: no interval
        assert (tmp_path / "outliers.png").stat().st_size > 10_000

    def test_the_benchmarks_rows_are_drawn_and_others_refused(self, tmp_path: Path):
        made_up_rows().to_parquet(tmp_path / "rows.parquet")
        command = [str(LAPTOP), "--rows", str(tmp_path / "rows.parquet"), "--out", str(tmp_path)]
        assert runner.invoke(outliers.app, command).exit_code == 0
        result = runner.invoke(outliers.app, [str(LAPTOP), "--rows", str(tmp_path / "outliers.csv")])
        assert "--rows must be the rows.parquet of analysis.batchrank" in str(result.exception)

    def test_the_reports_chapter(self, tmp_path: Path):
        study = load_study(changed_study(tmp_path / "ranked", with_outliers))
        section = outlier_section(study)
        assert len(section.pictures) == 1 and len(section.tables[0].rows) == study.usable["variant"].nunique()


def test_matched_refuses_a_knob_that_did_not_vary_and_a_study_without_a_grid(tmp_path: Path):
    for knob, rule in (("gamma", "--knob must be one that varied"), ("learning_rate", "no two usable trials differ in")):
        result = runner.invoke(matched.app, [str(LAPTOP), "--knob", knob, "--out", str(tmp_path)])
        assert isinstance(result.exception, UserError) and rule in str(result.exception)
    assert not list(tmp_path.iterdir())
