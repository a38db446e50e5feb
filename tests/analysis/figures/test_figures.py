"""Every figure shows its table: the data behind the marks, intervals only where there are seeds, gaps where data is missing."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from analysis import load_study
from analysis.figures.against_kl import against_kl, differences
from analysis.figures.correlation import correlation, rank_correlations
from analysis.figures.effect import effect, effect_table
from analysis.figures.hypervolume_curve import hypervolume_curve, hypervolume_table
from analysis.figures.importance_bars import importance
from analysis.figures.information_matrix import information_matrix, information_table
from analysis.figures.learning_curves import kl_per_latent, learning_curves, schedules
from analysis.figures.model_sheets import reconstruction_sheet, traversal_rows, traversal_sheet
from analysis.figures.outlier_ranking import outlier_ranking
from analysis.figures.pareto import pareto
from analysis.figures.seeds import seed_spread, variance_parts, variance_table
from analysis.figures.style import INK, PAGE_INK, new_figure, svg, themed
from analysis.tables.equal_kl import equal_kl_table
from analysis.tables.importance import knob_importance
from analysis.tables.load import Studies
from analysis.tables.trial_models import TrialModel, open_dataset, open_trials
from analysis.tables.two_metrics import front_rows
from study.datasets import Dataset
from study.records.folder import StudyFolder
from tests.analysis.tables.test_comparisons import made_trials
from tests.analysis.test_batchrank import made_up_rows
from tests.studies import LAPTOP


@pytest.fixture
def ax() -> Axes:
    return new_figure(5, 4).subplots()


@pytest.fixture(scope="module")
def study() -> Studies:
    return load_study(LAPTOP)


def points(ax: Axes) -> dict[str, set[tuple[float, float]]]:
    """{label: points} of all scatters."""
    found = [mark for mark in ax.collections if isinstance(mark, PathCollection)]
    return {str(mark.get_label()): {(float(x), float(y)) for x, y in mark.get_offsets()} for mark in found}


def words(ax: Axes) -> str:
    return " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


def replicated(seeds: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six trials and their seeds, whose values are the trial's −1, 0 and +1 (recon) or a hundredth of that (mig)."""
    trials = made_trials(6, n_replicates=seeds)
    rows = [
        {**row, "replicate": seed, "status": "complete", "recon": row["recon"] + seed - 1, "mig": row["mig"] + (seed - 1) / 100}
        for row in trials.to_dict("records")
        for seed in range(seeds)
    ]
    return trials, pd.DataFrame(rows)


class TestPareto:
    def test_every_usable_trial_is_one_point_of_its_kind(self, ax: Axes, study: Studies):
        pareto(study.trials, ax=ax)
        for variant, rows in study.usable.groupby("variant"):
            assert points(ax)[variant] == set(zip(rows["recon"], rows["mig"], strict=True))
        assert sum(map(len, points(ax).values())) == 15

    def test_the_staircase_passes_the_front_and_only_it_is_numbered(self, ax: Axes, study: Studies):
        pareto(study.trials, ax=ax)
        (line,) = [line for line in ax.lines if line.get_gid() == "front"]
        front = study.trials[study.trials["front"]]
        corners = {(float(x), float(y)) for x, y in line.get_xydata()}
        assert set(zip(front["recon"], front["mig"], strict=True)) <= corners
        assert {text.get_text() for text in ax.texts} == {*map(str, front["trial"]), "beyond the axis: trial 10 (540)"}
        assert ax.get_xlim()[1] < 300, "one trial that learnt next to nothing does not squeeze the others together"
        assert front_rows(study.trials, "recon", "mig")["trial"].tolist() == front.sort_values("recon")["trial"].tolist()

    def test_labels_say_unit_and_direction(self, ax: Axes, study: Studies):
        pareto(study.trials, ax=ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("reconstruction NLL (nats per image) ↓", "MIG ↑")

    def test_crosses_only_where_there_are_seeds(self, study: Studies):
        trials, seeds = replicated()
        with_seeds, without = new_figure(5, 4).subplots(), new_figure(5, 4).subplots()
        pareto(trials, replicates=seeds, ax=with_seeds)
        pareto(study.trials, replicates=study.replicates, ax=without)
        spans = [mark.get_segments() for mark in with_seeds.collections if not isinstance(mark, PathCollection)]  # type: ignore[attr-defined]
        assert len(spans) == 2 * len(trials)  # one across and one up each
        recon = sorted(trials["recon"])[0]
        assert any(np.allclose(sorted(segments[0][:, 0]), [recon - 1, recon + 1]) for segments in spans)
        assert all(isinstance(mark, PathCollection) for mark in without.collections)

    def test_a_front_for_each_setting(self, ax: Axes):
        trials = pd.concat([made_trials(10), made_trials(10, seed=1, terms="another budget")])
        pareto(trials, ax=ax)
        assert sum(line.get_gid() == "front" for line in ax.lines) == 2

    def test_one_trial_and_none(self, study: Studies):
        one, none = new_figure(5, 4).subplots(), new_figure(5, 4).subplots()
        pareto(study.trials.head(1), ax=one)
        assert sum(map(len, points(one).values())) == 1
        pareto(study.trials, "recon", "sap", ax=none)
        assert "no usable trial has both recon and sap" in words(none)


class TestHypervolume:
    def test_the_curve_is_its_table(self, ax: Axes, study: Studies):
        hypervolume_curve(study.trials, ax=ax)
        table = hypervolume_table(study.trials, "recon", "mig")
        assert np.allclose(ax.lines[0].get_ydata(), table["hypervolume"]) and table["fixed"].all()
        assert table["share"].iloc[-1] == 1 and len(table) == 15

    def test_one_trial_dominates_nothing(self, ax: Axes, study: Studies):
        assert "two usable trials" in words(hypervolume_curve(study.trials.head(1), ax=ax))


class TestEqualKl:
    def test_points_are_the_trials_and_dots_the_medians(self, study: Studies):
        left, right = new_figure(9, 4).subplots(1, 2)
        against_kl(study.trials, "mig", ax=left)
        assert set().union(*points(left).values()) == set(zip(study.usable["kl"], study.usable["mig"], strict=True))
        table = equal_kl_table(made_trials(200), ["recon"])
        differences(table, "recon", ax=right)
        dots = [line for line in right.lines if line.get_marker() == "o"]
        assert [float(dot.get_xdata()[0]) for dot in dots] == table["median"].tolist()
        assert "(n = " in right.get_yticklabels()[0].get_text() and "left of 0" in right.get_xlabel()

    def test_a_range_is_not_called_an_interval(self, ax: Axes, study: Studies):
        table = equal_kl_table(study.trials, ["recon"])
        differences(table, "recon", ax=ax)
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert "capacity, γ decay − capacity, constant γ (range of 2)" in labels
        assert "capacity, constant γ − β-VAE, constant β (one value)" in labels
        bars = [line for line in ax.lines if line.get_marker() == "None" and len(set(line.get_ydata())) == 1]
        assert len(bars) == (table["n"] > 1).sum()


class TestEffect:
    def test_choices_have_a_place_with_median_interval_and_count(self, ax: Axes, study: Studies):
        effect(study.trials, "architecture", "recon", ax=ax)
        table = effect_table(study.trials, "architecture", "recon")
        assert [label.get_text() for label in ax.get_xticklabels()] == [f"{row.value}\nn = {row.n}" for row in table.itertuples()]
        ticks = [float(line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "_"]
        assert ticks == table.loc[table["n"] > 1, "median"].tolist()
        assert {y for values in points(ax).values() for _, y in values} == set(study.usable["recon"])

    def test_numbers_have_a_scale_and_trials_without_the_knob_are_absent(self, ax: Axes, study: Studies):
        effect(study.trials, "capacity/gamma_max", "mig", ax=ax)
        rows = study.usable.dropna(subset=["capacity/gamma_max"])
        assert set().union(*points(ax).values()) == set(zip(rows["capacity/gamma_max"], rows["mig"], strict=True))
        assert ax.get_xscale() == "log" and f"n = {len(rows)}" in ax.get_title()

    def test_an_absent_knob_is_said(self, ax: Axes, study: Studies):
        assert "no usable trial has both nothing and mig" in words(effect(study.trials, "nothing", "mig", ax=ax))


class TestImportance:
    def test_bars_are_the_table(self, ax: Axes):
        table = knob_importance(made_trials(60), "mig")
        importance(table, "mig", ax=ax)
        assert np.allclose([bar.get_width() for bar in ax.patches], 100 * table["importance"])  # type: ignore[attr-defined]
        assert "n = 60" in ax.get_title()

    def test_too_few_trials_are_said(self, ax: Axes):
        assert "needs 10 usable trials" in words(importance(knob_importance(made_trials(5), "mig"), "mig", ax=ax))


class TestCurves:
    def test_lines_are_the_histories(self, ax: Axes, study: Studies):
        learning_curves(study.histories, {0: "zero", 5: "five"}, "kl", ax=ax)
        for line, trial in zip(ax.lines, (0, 5), strict=True):
            run = study.histories[study.histories["trial"] == trial]
            assert np.allclose(line.get_xydata(), run[["step", "kl"]])

    def test_schedules_are_shares_of_their_maximum(self, ax: Axes, study: Studies):
        schedules(study.histories, {1: "γ decay"}, ax=ax)
        run = study.histories[study.histories["trial"] == 1]
        drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
        assert np.allclose(drawn["1: γ, 1 = 10"], run["gamma"] / 10)
        assert np.allclose(drawn["1: C (nats), 1 = 25"], run["capacity"] / 25)

    def test_latents_stack_to_the_kl_below_the_capacity(self, ax: Axes, study: Studies):
        run = study.histories[study.histories["trial"] == 1]
        kl_per_latent(run, ax=ax)
        tops = [path.get_extents().y1 for path in (mark.get_paths()[0] for mark in ax.collections)]
        assert max(tops) == pytest.approx(run["kl_per_latent"].map(sum).max())
        assert np.allclose(ax.lines[0].get_ydata(), run["capacity"])
        assert len(ax.collections) == 10

    def test_without_history(self, ax: Axes, study: Studies):
        assert "no history" in words(learning_curves(study.histories.iloc[:0], {0: "zero"}, ax=ax))
        assert "no history" in words(kl_per_latent(study.histories.iloc[:0], ax=ax))


class TestSeeds:
    def test_every_seed_is_a_point_and_the_bar_its_interval(self, ax: Axes):
        _, seeds = replicated()
        seed_spread(seeds, "recon", ax=ax)
        assert sorted(y for mark in ax.collections for _, y in mark.get_offsets()) == sorted(seeds["recon"])
        bars = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == 2]
        assert all(high - low == pytest.approx(2) for low, high in bars) and len(bars) == 6

    def test_parts_fill_the_bar(self, ax: Axes):
        _, seeds = replicated()
        variance_parts(seeds, ["recon", "mig"], ax=ax)
        assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(200)  # type: ignore[attr-defined]
        assert np.allclose([bar.get_width() for bar in ax.patches[:3]], 100 * variance_table(seeds, "recon")["share"])  # type: ignore[attr-defined]

    def test_one_seed_is_said_and_nothing_drawn(self, study: Studies):
        left, right = new_figure(9, 4).subplots(1, 2)
        assert "n = 1" in words(seed_spread(study.replicates, ax=left)) and not left.collections
        assert "n = 1" in words(variance_parts(study.replicates, ["mig"], ax=right)) and not right.patches


class TestMatrices:
    def test_cells_are_the_correlations(self, ax: Axes, study: Studies):
        table = rank_correlations(study.trials, ["recon", "mig", "kl"])
        correlation(table, 15, ax=ax)
        assert np.allclose(ax.collections[0].get_array().ravel(), table.to_numpy().ravel())
        assert [text.get_text() for text in ax.texts][:2] == ["1.00", f"{table.iloc[0, 1]:.2f}"]  # type: ignore[str-bytes-safe]

    def test_too_few_trials_for_correlations(self, ax: Axes, study: Studies):
        table = rank_correlations(study.trials.head(3), ["recon", "mig"])
        assert "need 5 usable trials" in words(correlation(table, 3, ax=ax))

    def test_a_latent_that_is_a_factor_knows_all_of_it(self, ax: Axes):
        factors = np.stack(np.unravel_index(np.arange(400), (20, 20)), axis=1)
        table = information_table(np.column_stack([factors[:, 1], np.zeros(400)]).astype(float), factors, ["a", "b"])
        assert np.allclose(table, [[0, 1], [0, 0]])
        information_matrix(table, ax=ax)
        assert np.allclose(ax.collections[0].get_array().ravel(), [0, 1, 0, 0])

    def test_outlier_methods_with_intervals_and_the_number_of_models(self, ax: Axes):
        outlier_ranking(made_up_rows(), ax=ax)
        dots = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"]
        assert np.allclose(dots, [0.9, 0.6, 0.5], atol=0.02)
        assert "n = 3 models" in ax.get_xlabel()
        one = outlier_ranking(made_up_rows(models=1), ax=new_figure(5, 4).subplots())
        assert "n = 1 model: the interval is over batches" in one.get_xlabel()


class TestSheets:
    @pytest.fixture
    def models(self, tiny_study: StudyFolder) -> list[TrialModel]:
        return open_trials(tiny_study, load_study(tiny_study.path).usable)

    @pytest.fixture
    def images(self, tiny_study: StudyFolder) -> np.ndarray:
        dataset: Dataset = open_dataset(tiny_study, load_study(tiny_study.path).usable)
        return dataset.images[dataset.sample("validation", 4, seed=0)]

    def test_reconstructions_are_the_models_own(self, models: list[TrialModel], images: np.ndarray):
        figure = reconstruction_sheet(models, images)
        assert [ax.get_ylabel() for ax in figure.axes] == ["image", *(model.label for model in models)]
        drawn = figure.axes[1].images[0].get_array()[1:65, 1:65]
        assert np.allclose(drawn, models[0].codec.decode(models[0].codec.encode(images)[0])[0, 0], atol=1e-6)

    def test_traversals_move_one_latent_each_by_falling_kl(self, models: list[TrialModel], images: np.ndarray):
        model = models[0]
        rows = traversal_rows(model.codec, images[0], model.kl, rows=3, steps=5)
        assert [latent for latent, _ in rows] == [d for d in np.argsort(model.kl)[::-1] if model.kl[d] > 0.01][:3] or len(
            rows
        ) == 1
        latent, strip = rows[0]
        z = model.codec.encode(images[:1])[0].copy()
        z[0, latent] = -2.5
        assert np.allclose(strip[0], model.codec.decode(z)[0], atol=1e-6)
        sheet = traversal_sheet(model, images[0], rows=3)
        own = np.clip(model.codec.encode(images[:1])[0][0, rows[0][0]], -2.5, 2.5)
        assert len(sheet.axes) <= 3 and sheet.axes[0].lines[0].get_xdata()[0] == pytest.approx(own)
        assert "standard deviations of the prior" in sheet.axes[-1].get_xlabel()

    def test_a_model_whose_file_is_gone_is_left_out(self, tiny_study: StudyFolder):
        trials = load_study(tiny_study.path).usable.assign(config_digest="0" * 64)
        assert open_trials(tiny_study, trials) == []


class TestStyle:
    def test_on_a_page_a_figure_takes_the_pages_colours(self):
        with themed(page=True):
            figure = new_figure(3, 2)
            figure.subplots().set_title("title")
            text = svg(figure, "one")
        assert "currentColor" in text and "var(--grid)" in text and "title" in text
        assert INK not in text and PAGE_INK not in text
        assert 'id="one-' in text and "url(#one-" in text


@pytest.mark.parametrize("beyond", [1, 30])
def test_many_trials_beyond_an_axis_leave_room_for_the_figure(beyond: int) -> None:
    """Each of 30 names once took its width from the axes, until nothing was left of them."""
    values = [*np.linspace(80, 100, 200), *np.linspace(2000, 9000, beyond)]
    rows = pd.DataFrame({"trial": range(len(values)), "recon": values, "mig": np.linspace(0, 0.2, len(values))})
    rows = rows.assign(variant="β-VAE, constant β", terms="here", usable=True, study="s", n_replicates=1)
    figure = new_figure(7.2, 3.9)
    ax = pareto(rows, ax=figure.subplots())
    figure.savefig(io.BytesIO())
    assert ax.get_position().width > 0.4
    assert ("and 26 more" in " ".join(text.get_text() for text in ax.texts)) == (beyond == 30)
