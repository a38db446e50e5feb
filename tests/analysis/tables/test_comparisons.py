"""The numbers behind the figures: hypervolume, differences at equal KL, importance, variance, correlations."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.figures.correlation import rank_correlations
from analysis.figures.forest import forest_figure
from analysis.figures.hypervolume_curve import hypervolume_table
from analysis.figures.seeds import variance_table
from analysis.tables.blocked import blocked_effect
from analysis.tables.equal_kl import equal_kl_table, matched_differences, verdicts
from analysis.tables.hypervolume import hypervolume, hypervolume_over_trials, reference_point
from analysis.tables.importance import knob_importance
from analysis.tables.pairs import arm_table, fates, matched_table, matched_verdicts, pair_up
from study.records.intervals import LEAST_CLEAR

Points = arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(0, 1, width=16))
DIRECTIONS = ("minimize", "maximize")


def made_trials(rows: int = 40, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Usable trials on the same terms in which constant γ costs 10 nats at every KL and the learning rate moves MIG."""
    generator = np.random.default_rng(seed)
    variant = np.where(np.arange(rows) % 2 == 0, "capacity, constant γ", "capacity, γ decay")
    kl = generator.uniform(5, 30, rows)
    rate = generator.uniform(1e-4, 1e-2, rows)
    return pd.DataFrame(
        {
            "study": "made", "trial": np.arange(rows), "usable": True, "terms": "one", "variant": variant, "kl": kl,
            "recon": 200 - 4 * kl + 10 * (variant == "capacity, constant γ"), "mig": 20 * rate,
            "learning_rate": rate, "architecture": generator.choice(["cnn", "mlp"], rows), "n_replicates": 1, **columns,
        }
    )  # fmt: skip


class TestHypervolume:
    @given(Points)
    def test_equals_a_fine_grid(self, points):
        grid = (np.stack(np.meshgrid(*[np.arange(200)] * 2), axis=-1).reshape(-1, 2) + 0.5) / 200
        dominated = ((points[:, None, 0] <= grid[:, 0]) & (points[:, None, 1] >= grid[:, 1])).any(axis=0)
        assert hypervolume(points, DIRECTIONS, [1, 0]) == pytest.approx(dominated.mean(), abs=0.02)

    @given(Points, st.randoms(use_true_random=False))
    def test_order_does_not_matter_and_more_points_never_shrink_it(self, points, random):
        shuffled = points[random.sample(range(len(points)), len(points))]
        assert hypervolume(shuffled, DIRECTIONS, [1, 0]) == pytest.approx(hypervolume(points, DIRECTIONS, [1, 0]))
        assert (np.diff(hypervolume_over_trials(points, DIRECTIONS, [1, 0])) >= -1e-12).all()

    def test_degenerate_input(self):
        assert hypervolume([], DIRECTIONS, [1, 0]) == 0
        assert hypervolume([[np.nan, 0.5], [2, 0.5]], DIRECTIONS, [1, 0]) == 0  # no value; worse than the reference
        assert reference_point([[1, 0.2], [3, np.nan]], ["recon", "mig"]) == ([3.0, 0.0], False)

    def test_a_study_that_found_more_has_more_whatever_its_worst_trial(self):
        """With the worst trial as reference the better of these two studies had the smaller hypervolume."""
        one, two = made_trials(10, dataset="dsprites"), made_trials(10, dataset="dsprites")
        two["recon"] -= 20
        two = two[two["recon"] < two["recon"].max() - 30]
        last = [hypervolume_table(rows, "recon", "mig").iloc[-1] for rows in (one, two.reset_index(drop=True))]
        assert last[1]["hypervolume"] > 0 and last[0]["fixed"] and (last[0]["from_x"], last[0]["from_y"]) == (566.0, 0.0)
        best = max(two["mig"]) * (566 - two["recon"].min())
        assert last[1]["hypervolume"] <= best


class TestEqualKl:
    def test_finds_the_difference_that_was_built_in(self):
        rows = made_trials(200)
        (row,) = equal_kl_table(rows, ["recon"]).to_dict("records")
        assert (row["a"], row["b"]) == ("capacity, γ decay", "capacity, constant γ")
        assert row["median"] == pytest.approx(-10, abs=0.5) and row["high"] < -5
        assert row["n"] + row["unmatched"] == 100 and row["n"] > 60

    def test_only_trials_within_the_caliper_are_compared(self):
        a = pd.DataFrame({"kl": [10.0, 20.0], "recon": [5.0, 5.0]})
        b = pd.DataFrame({"kl": [11.0, 11.4, 12.0], "recon": [1.0, 3.0, 100.0]})
        assert matched_differences(a, b, "recon", caliper=0.15) == [4.0]  # with the nearest

    def test_no_trial_is_used_twice(self):
        """One lucky trial of the other kind would decide all comparisons."""
        a = pd.DataFrame({"kl": [10.0, 10.1, 10.2], "recon": [5.0, 5.0, 5.0]})
        b = pd.DataFrame({"kl": [10.1], "recon": [1.0]})
        assert matched_differences(a, b, "recon") == [4.0]

    def test_what_is_left_of_the_difference_in_kl_is_taken_out(self):
        a = pd.DataFrame({"kl": np.exp(np.linspace(2, 3, 8)), "recon": 50 - 10 * np.linspace(2, 3, 8)})
        b = pd.DataFrame({"kl": np.exp(np.linspace(2, 3, 8) + 0.1), "recon": 50 - 10 * (np.linspace(2, 3, 8) + 0.1)})
        assert matched_differences(a, b, "recon") == pytest.approx([0.0] * 8)

    def test_settings_are_not_mixed(self):
        rows = made_trials(40)
        rows["terms"] = np.where(rows["variant"] == "capacity, γ decay", "one", "two")
        assert equal_kl_table(rows, ["recon"])["n"].tolist() == [0]

    def test_absent_columns_give_no_rows_and_dead_models_no_match(self):
        assert equal_kl_table(made_trials().drop(columns="kl"), ["recon"]).empty
        assert equal_kl_table(made_trials(kl=0.0), ["recon"]).empty

    def test_few_differences_decide_nothing(self):
        few = equal_kl_table(made_trials(200).groupby("variant").head(LEAST_CLEAR - 1).assign(kl=10.0), ["recon"])
        assert few["n"].tolist() == [LEAST_CLEAR - 1]
        assert verdicts(few)[0].endswith("fewer than 6 differences decide nothing.")

    def test_verdicts_say_which_way_and_how_sure(self):
        (told,) = verdicts(equal_kl_table(made_trials(200), ["recon"]))
        assert told.startswith("γ decay against constant γ, reconstruction NLL: ") and "nats better" in told
        assert told.endswith("which leaves out zero).")
        apart = made_trials(40)
        apart["kl"] += 1000 * (apart["variant"] == "capacity, γ decay")
        assert verdicts(equal_kl_table(apart, ["mig"]))[0].endswith("this study says nothing about it.")


class TestImportance:
    def test_the_knob_that_does_it_comes_first(self):
        table = knob_importance(made_trials(60), "mig")
        assert table["knob"].tolist() == ["learning_rate", "architecture"]
        assert table.loc[0, "low"] > 0.3 and table.loc[0, "r2"] > 0.8
        assert abs(table.loc[1, "importance"]) < 0.1

    def test_noise_is_not_predicted(self):
        noise = np.random.default_rng(1).normal(size=60)
        assert knob_importance(made_trials(60, mig=noise), "mig")["r2"].iloc[0] < 0.1

    def test_knobs_that_only_some_trials_have_are_left_out(self):
        rows = made_trials(60)
        rows["capacity/gamma_max"] = np.where(rows.index < 30, 3.0 + rows.index, np.nan)
        assert "capacity/gamma_max" not in knob_importance(rows, "mig")["knob"].tolist()
        assert "capacity/gamma_max" in knob_importance(rows.head(30), "mig")["knob"].tolist()

    @pytest.mark.parametrize("rows", [made_trials(9), made_trials(30, mig=0.1), made_trials(30).drop(columns="mig")])
    def test_too_few_constant_or_absent_is_empty(self, rows):
        assert knob_importance(rows, "mig").empty


class TestVarianceAndCorrelation:
    def test_parts_of_the_variance_add_up_and_find_the_seed(self):
        generator = np.random.default_rng(0)
        trials = np.repeat(np.arange(30), 4)
        seeds = pd.DataFrame(
            {
                "study": "made",
                "trial": trials,
                "variant": np.where(trials < 15, "a", "b"),
                "status": "complete",
                "mig": generator.normal(size=30)[trials] + generator.normal(size=120),
            }
        )
        table = variance_table(seeds, "mig").set_index("part")["share"]
        assert table.sum() == pytest.approx(1)
        assert table["kind of objective"] < 0.1 and 0.35 < table["seed"] < 0.75

    def test_one_seed_or_no_spread_has_no_parts(self):
        one = pd.DataFrame({"study": "s", "trial": [0, 1], "variant": "a", "status": "complete", "mig": [0.1, 0.2]})
        assert variance_table(one, "mig").empty
        assert variance_table(pd.concat([one.assign(mig=0.1)] * 2), "mig").empty

    def test_better_reconstruction_with_worse_mig_is_negative(self):
        rows = made_trials(10, recon=np.arange(10.0), mig=np.arange(10.0))  # recon is to be small, mig large
        assert rank_correlations(rows, ["recon", "mig"]).loc["recon", "mig"] == -1

    def test_mixed_settings_are_refused_and_few_trials_unknown(self):
        rows = made_trials(10)
        rows.loc[:4, "terms"] = "two"
        with pytest.raises(ValueError, match="the same terms"):
            rank_correlations(rows, ["recon", "mig"])
        assert rank_correlations(made_trials(4), ["recon", "mig"]).isna().all(axis=None)


class TestMatched:
    """A grid of 6 settings and 3 seeds in which decay takes 2 nats off everywhere and does nothing to MIG but noise."""

    KNOB = "capacity/gamma_ratio"
    OTHERS = ("architecture", "capacity/capacity_max", "learning_rate")

    @staticmethod
    def grid(seeds: int = 3, effect: float = -2.0) -> tuple[pd.DataFrame, pd.DataFrame]:
        generator = np.random.default_rng(0)
        points = list(enumerate(itertools.product(("cnn", "mlp"), (5.0, 15.0, 25.0), (1.0, 0.2))))
        trials = [
            {"study": "s", "trial": at, "terms": "one", "root_seed": 0, "config_digest": str(at), "architecture": network,
             "capacity/capacity_max": capacity, "capacity/gamma_ratio": ratio, "learning_rate": 1e-3}
            for at, (network, capacity, ratio) in points
        ]  # fmt: skip
        replicates = [
            {"study": "s", "trial": at, "replicate": seed, "status": "complete", "mig": generator.uniform(),
             "recon": 100 + capacity + effect * (ratio < 1) + 3 * seed + generator.normal(0, 0.1)}
            for at, (_, capacity, ratio) in points for seed in range(seeds)
        ]  # fmt: skip
        return pd.DataFrame(trials), pd.DataFrame(replicates)

    def seeds(self, trials: pd.DataFrame, replicates: pd.DataFrame) -> pd.DataFrame:
        return pair_up(trials, replicates, self.KNOB, self.OTHERS)

    def test_finds_what_was_built_in_seed_by_seed(self):
        table = matched_table(self.seeds(*self.grid()), ["recon", "mig"]).set_index("metric")
        recon = table.loc["recon"]
        assert (recon["from"], recon["to"]) == (0.2, 1.0)
        assert recon["low"] < 2.0 < recon["high"] and recon["high"] - recon["low"] < 0.4, "what seeds share is not in the error"
        assert (recon["better"], recon["settings"], recon["pairs"]) == (0, 6, 18)
        assert recon["p_holm"] == pytest.approx(2 * recon["p"]) and recon["p_holm"] < 1e-6
        assert table.loc["mig", "low"] < 0 < table.loc["mig", "high"] and table.loc["mig", "power"] < 0.8

    def test_one_seed_a_setting_takes_settings_as_the_sample(self):
        (row,) = matched_table(self.seeds(*self.grid(seeds=1)), ["recon"]).to_dict("records")
        assert (row["low"], row["high"]) == pytest.approx((row["low_like"], row["high_like"])) and row["low"] < 2.0 < row["high"]

    def test_settings_that_differ_widen_only_what_is_said_of_others(self):
        trials, replicates = self.grid()
        mlp = trials.loc[trials["architecture"] == "mlp", "trial"]
        decays = trials.loc[trials[self.KNOB] < 1, "trial"]
        replicates.loc[replicates["trial"].isin(mlp) & replicates["trial"].isin(decays), "recon"] -= 20
        (row,) = matched_table(self.seeds(trials, replicates), ["recon"]).to_dict("records")
        assert row["high"] - row["low"] < 0.4 and row["low_like"] < 1.0 < 23 < row["high_like"]

    def test_a_collapsed_seed_is_counted_and_its_pair_left_out(self):
        trials, replicates = self.grid()
        replicates.loc[0, ["status", "recon"]] = ("collapsed", 567.0)
        seeds = self.seeds(trials, replicates)
        assert matched_table(seeds, ["recon"])["pairs"].tolist() == [17]
        lost = fates(seeds).set_index("arm")
        assert lost["collapsed"].to_dict() == {0.2: 0, 1.0: 1} and lost["seeds"].tolist() == [18, 18]
        assert lost.loc[1.0, "low"] > 0 and lost.loc[0.2, "high"] == pytest.approx(1 - 0.025 ** (1 / 18))

    def test_an_arms_medians_are_those_of_its_usable_seeds(self):
        trials, replicates = self.grid()
        replicates.loc[0, ["status", "recon"]] = ("collapsed", 567.0)
        arms = arm_table(self.seeds(trials, replicates), ["recon", "mig", "absent"]).set_index(["setting", "arm"])
        assert sorted(arms["seeds"]) == [2] + 11 * [3] and "absent" not in arms
        assert (arms["recon_low"] <= arms["recon"]).all() and (arms["recon"] <= arms["recon_high"]).all()
        assert arms["recon_high"].max() < 567

    def test_many_arms_are_compared_with_the_first_alone_and_corrected_for_all(self):
        noise = np.random.default_rng(1)
        trials = pd.DataFrame(
            [
                {"study": "s", "trial": at, "terms": "", "config_digest": str(at), "root_seed": 0, "arm": f"a{at}"}
                for at in range(8)
            ]
        )
        seeds = [{"study": "s", "trial": at, "replicate": seed, "status": "complete"} for at in range(8) for seed in range(5)]
        replicates = pd.DataFrame(seeds).assign(mig=noise.normal(size=len(seeds)))
        table = matched_table(pair_up(trials, replicates, "arm", ["arm"]), ["mig"])
        assert table["from"].unique().tolist() == ["a0"] and table["to"].tolist() == [f"a{at}" for at in range(1, 8)]
        assert table["p_holm"].min() == pytest.approx(min(1.0, 7 * table["p"].min()))

    def test_a_knob_that_changes_nothing(self):
        trials, replicates = self.grid()
        (row,) = matched_table(self.seeds(trials, replicates.assign(recon=1.0)), ["recon"]).to_dict("records")
        assert (row["difference"], row["better"], row["p"]) == (0.0, 0, 1.0)

    def test_unmatched_trials_are_left_out(self):
        trials, replicates = self.grid()
        alone = trials[(trials["architecture"] == "cnn") | (trials[self.KNOB] == 1.0)]
        assert matched_table(self.seeds(alone, replicates), ["recon"])["settings"].tolist() == [3]
        assert pair_up(trials, replicates, "no/such/knob", self.OTHERS).empty
        assert matched_table(self.seeds(trials[:1], replicates), ["recon"]).empty

    def test_settings_that_only_look_alike_are_not_matched(self):
        trials, replicates = self.grid()
        trials["learning_rate"] = np.where(trials[self.KNOB] == 1.0, 1e-3, 1e-3 + 1e-9)
        assert matched_table(self.seeds(trials, replicates), ["recon"]).empty

    def test_what_differs_within_a_pair_is_the_arms_own(self):
        trials, replicates = self.grid()
        trials["gamma_shape"] = np.where(trials[self.KNOB] == 1.0, None, "linear")
        others = (*self.OTHERS, "gamma_shape")
        assert matched_table(pair_up(trials, replicates, self.KNOB, others), ["recon"]).empty
        pairs = trials["architecture"] + trials["capacity/capacity_max"].astype(str)
        trials["config"] = [json.dumps({"pair": pair}) for pair in pairs]
        assert matched_table(pair_up(trials, replicates, self.KNOB, (*self.OTHERS, "gamma_shape")), ["recon"])[
            "settings"
        ].tolist() == [6]

    def test_verdicts_say_what_could_have_been_found(self):
        told = matched_verdicts(matched_table(self.seeds(*self.grid()), ["recon", "mig"]), ["recon", "mig"])
        assert "worse in these settings" in told[0] and "also in others like them" in told[0]
        assert "not shown" in told[1] and "would have been found in 80 of 100 such experiments" in told[1]

    def test_the_forest_has_a_line_for_every_setting(self):
        figure = forest_figure(self.seeds(*self.grid()), self.KNOB, ["recon", "mig"])
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels[0] == "1 − 0.2" and labels[-1] == "all settings" and len(labels) == 8


@given(arrays(float, st.tuples(st.integers(2, 5), st.integers(2, 5)), elements=st.floats(-10, 10, width=16)), st.floats(-5, 5))
def test_a_blocked_effect_moves_with_its_data(differences, shift):
    found, moved = (blocked_effect(list(values)) for values in (differences, differences + shift))
    assert moved.mean == pytest.approx(found.mean + shift, abs=1e-9) and found.low <= found.mean <= found.high
    assert moved.high - moved.low == pytest.approx(found.high - found.low, abs=1e-9) and 0 <= found.p <= 1


def test_what_is_detectable_is_found_in_80_of_100():
    generator = np.random.default_rng(0)
    found = [blocked_effect(list(generator.normal(0, 1, (6, 5)))) for _ in range(200)]
    size = np.mean([one.detectable for one in found])
    hits = [blocked_effect(list(generator.normal(size, 1, (6, 5)))).p < 0.05 for _ in range(300)]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.07)
