"""Medians with intervals, variance decomposition, shrinkage and selection, on data whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.tables.statistics import selection, summary, variance_components
from models.errors import UserError
from study.records.intervals import median_interval, shrinkage

VALUES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=20)


@given(VALUES)
@settings(max_examples=25)
def test_interval_holds_the_median_and_stays_within_the_values(values):
    found = median_interval(values)
    slack = 1e-12 * max(map(abs, values))  # of the rounding in an interpolated percentile
    assert min(values) - slack <= found.low <= found.median + slack
    assert found.median - slack <= found.high <= max(values) + slack
    assert found.median == np.median(values) and found.n == len(values)
    assert median_interval(values) == found


def test_fewer_than_six_are_a_range_and_called_so():
    """A bootstrap of three values covers 76 % where it says 95 %."""
    assert median_interval([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0, 3) and median_interval([3.0, 1.0, 2.0]).means == "range of 3"
    assert median_interval(range(6))[1:3] == (0, 5) and median_interval(range(6)).means == "95 % interval"
    assert median_interval(range(9))[1:3] == (1, 7)  # P(fewer than two of nine on one side) = 2.0 %


def test_one_value_has_no_interval():
    found = median_interval([0.3])
    assert found.median == 0.3 and found.n == 1 and np.isnan(found.low) and np.isnan(found.high)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_no_values_or_values_that_are_not_finite(values):
    with pytest.raises(UserError, match="one finite value or more"):
        median_interval(values)


def test_summary_has_a_row_for_each_group_and_value():
    table = pd.DataFrame(
        {"objective": ["a", "a", "a", "b", "b"], "mig": [0.1, 0.2, 0.6, 0.5, np.nan], "recon": [9.0, 8, 7, 6, 5]}
    )
    found = summary(table, ["objective"], ["mig", "recon"]).set_index(["objective", "value"])
    assert found.loc[("a", "mig"), "median"] == 0.2
    assert found.loc[("b", "mig"), "n"] == 1 and np.isnan(found.loc[("b", "mig"), "low"])
    assert found["n"].to_dict() == {("a", "mig"): 3, ("a", "recon"): 3, ("b", "mig"): 1, ("b", "recon"): 2}
    with pytest.raises(UserError, match="no column 'sap'"):
        summary(table, ["objective"], ["sap"])


def test_shrinkage_is_positive_when_a_winner_gets_worse():
    assert shrinkage(0.5, [0.3, 0.4, 0.35], "maximize").loss == pytest.approx(0.15)
    assert shrinkage(50.0, [60.0, 70.0, 65.0], "minimize").loss == pytest.approx(15)
    assert shrinkage(0.5, [0.6], "maximize").loss == pytest.approx(-0.1)


def test_winners_of_noise_shrink_on_average():
    """The reason for confirming: the best of 20 equal configurations looks better than it is."""
    rng = np.random.default_rng(0)
    losses = [shrinkage(rng.normal(size=20).max(), rng.normal(size=5), "maximize").loss for _ in range(100)]
    assert np.mean(losses) == pytest.approx(1.87, abs=0.25)  # the expected maximum of 20 normal values


# ---------------------------------------------------------------------------------------- variance


def study(kinds=4, trials=30, seeds=4, kind=1.0, trial=1.0, seed=1.0, generator=0):
    """Additive effects with known standard deviations."""
    rng = np.random.default_rng(generator)
    rows = []
    for k in range(kinds):
        middle = kind * rng.normal()
        for t in range(trials):
            place = middle + trial * rng.normal()
            rows.extend((f"kind {k}", t, place + seed * rng.normal()) for _ in range(seeds))
    return pd.DataFrame(rows, columns=["kind", "trial", "mig"])


def components(table):
    return list(variance_components(table, "mig", "kind", ["trial"]).values())


def test_variance_is_split_as_it_was_made():
    found = np.mean([components(study(kinds=40, trials=4, generator=g)) for g in range(20)], axis=0)
    assert found == pytest.approx([1 / 3] * 3, abs=0.04)
    assert sum(components(study())) == pytest.approx(1)


def test_pure_noise_is_the_seeds():
    """R² of the same groups gave a third of pure noise to the trials."""
    found = np.mean([components(study(2, 8, 3, kind=0, trial=0, generator=g)) for g in range(100)], axis=0)
    assert found[2] > 0.85 and found[1] < 0.1 and found[0] < 0.05


def test_trials_that_differ_are_no_kinds():
    """The variance between trials alone makes kinds of a few trials differ by chance."""
    found = np.mean([components(study(3, 5, 3, kind=0, seed=0.1, generator=g)) for g in range(100)], axis=0)
    assert found[0] < 0.12 and found[1] > 0.85


def test_extremes_of_variance():
    assert components(study(trial=0, seed=0)) == pytest.approx([1, 0, 0])
    assert np.isnan(components(study(seeds=1))).all(), "nothing can be said of seeds"
    assert np.isnan(components(study(trials=1))).all(), "nor of trials within a kind"
    assert components(study(kinds=1))[0] == 0


def test_variance_needs_variance():
    with pytest.raises(UserError, match="two different values or more, but mig has 1"):
        components(study().assign(mig=0.5))
    with pytest.raises(UserError, match="no column 'beta'"):
        variance_components(study(), "mig", "beta", ["trial"])


# ---------------------------------------------------------------------------------------- selection

DIRECTIONS = {"udr": "maximize", "recon": "minimize", "mig": "maximize", "error": "minimize"}


def test_a_perfect_criterion_has_no_regret():
    table = pd.DataFrame({"recon": [5.0, 4, 3, 2], "mig": [0.1, 0.2, 0.3, 0.4], "error": [4.0, 3, 2, 1]})
    found = selection(table, "recon", ["mig", "error"], DIRECTIONS)
    assert found["spearman"].tolist() == pytest.approx([1, 1])
    assert found["regret"].tolist() == [0, 0] and found["relative_regret"].tolist() == [0, 0]
    assert found["picked"].tolist() == found["best"].tolist() == [0.4, 1]


def test_a_criterion_that_points_the_wrong_way():
    table = pd.DataFrame({"udr": [1.0, 2, 3, 4], "mig": [0.4, 0.3, 0.2, 0.1]})
    row = selection(table, "udr", ["mig"], DIRECTIONS).iloc[0]
    assert row["spearman"] == pytest.approx(-1)
    assert row["regret"] == pytest.approx(0.3) and row["relative_regret"] == pytest.approx(2)


def test_a_criterion_without_opinion_is_as_good_as_chance():
    table = pd.DataFrame({"udr": [1.0] * 4, "mig": [0.4, 0.3, 0.2, 0.1]})
    row = selection(table, "udr", ["mig"], DIRECTIONS).iloc[0]
    assert np.isnan(row["spearman"]) and row["relative_regret"] == pytest.approx(1)


@given(st.integers(0, 2**32 - 1), st.integers(3, 30))
@settings(max_examples=30)
def test_regret_is_never_negative(seed, count):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"udr": rng.integers(0, 4, count), "error": rng.normal(size=count)})
    row = selection(table, "udr", ["error"], DIRECTIONS).iloc[0]
    assert row["regret"] >= 0 and row["n"] == count


def test_selection_needs_candidates_with_both_values():
    table = pd.DataFrame({"udr": [1.0, np.nan, 3], "mig": [0.1, 0.2, np.nan]})
    with pytest.raises(UserError, match="at least 3 candidates with udr and mig, but got 1"):
        selection(table, "udr", ["mig"], DIRECTIONS)
