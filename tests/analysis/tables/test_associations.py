"""Correlations of disentanglement with ranking: among chance no more claims than promised, and none for a common cause."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.tables.associations import association_table, p_of_rho, rank_correlation
from models.errors import UserError

RUNS = 300
NOMINAL = 0.05 + 2 * (0.05 * 0.95 / RUNS) ** 0.5
"""Two standard errors of so few runs above 5 %."""


def trials_of_chance(g: np.random.Generator, n: int = 21) -> pd.DataFrame:
    """Eight pairs that have nothing to do with one another, but share their columns, as the real ones do."""
    columns = [
        "recon",
        "active_units",
        "mig",
        "dci_disentanglement",
        "explanation_hit",
        "outlier_auroc",
        "outlier_ap",
        "context_gain",
    ]
    return pd.DataFrame({column: g.integers(2, 9, n) if column == "active_units" else g.normal(size=n) for column in columns})


def trials_of_a_cause(g: np.random.Generator, n: int = 40) -> pd.DataFrame:
    """Fewer active latents raise both, and nothing else ties them."""
    active = g.integers(2, 9, n)
    mig, hit = (-active + g.normal(size=n) for _ in range(2))
    return pd.DataFrame({"recon": g.normal(size=n), "active_units": active, "mig": mig, "explanation_hit": hit})


class TestChance:
    @pytest.mark.slow
    def test_a_table_of_chance_claims_anything_in_one_of_twenty(self):
        g = np.random.default_rng(0)
        tables = [association_table(trials_of_chance(g)) for _ in range(RUNS)]
        assert len(tables[0]) >= 4, "several pairs"
        for column in ("p", "p_at_recon", "p_at_active"):
            assert np.mean([table[column].min() < 0.05 for table in tables]) <= NOMINAL, column

    @pytest.mark.slow
    def test_without_holm_it_would_claim_far_more(self):
        g = np.random.default_rng(0)

        def smallest(table: pd.DataFrame) -> float:
            return min(p_of_rho(rho, 21) for rho in table.rho)

        assert np.mean([smallest(association_table(trials_of_chance(g))) < 0.05 for _ in range(100)]) > 0.1


class TestCommonCause:
    @pytest.mark.slow
    def test_active_latents_held_fixed_leave_chance(self):
        g = np.random.default_rng(1)
        tables = [association_table(trials_of_a_cause(g)).iloc[0] for _ in range(RUNS)]
        assert np.mean([row.p < 0.05 for row in tables]) > 0.9, "the plain correlation is taken in"
        assert np.mean([row.p_at_recon < 0.05 for row in tables]) > 0.9, "so is the one at equal reconstruction"
        assert np.mean([row.p_at_active < 0.05 for row in tables]) <= NOMINAL + 0.03, "ranks hold a cause fixed nearly"

    def test_what_is_there_beside_the_cause_is_found(self):
        g = np.random.default_rng(2)
        active, common = g.integers(2, 9, 60), g.normal(size=60)
        mig, hit = (common - active + 0.5 * g.normal(size=60) for _ in range(2))
        row = association_table(pd.DataFrame({"active_units": active, "mig": mig, "explanation_hit": hit})).iloc[0]
        assert row.p_at_active < 0.001 and row.rho_at_active > 0.5
        assert np.isnan(row.rho_at_recon) and np.isnan(row.p_at_recon), "recon was not recorded"

    def test_a_common_cause_is_held_fixed(self):
        cause = np.random.default_rng(1).normal(size=200)
        x, y = (cause + 0.3 * np.random.default_rng(seed).normal(size=200) for seed in (2, 3))
        assert rank_correlation(x, y) > 0.8
        assert abs(rank_correlation(x, y, cause)) < 0.25
        assert np.isnan(rank_correlation(x, np.ones(200)))

    def test_a_cause_that_does_not_vary_changes_nothing(self):
        x, y = np.random.default_rng(4).normal(size=(2, 30))
        assert rank_correlation(x, y, np.full(30, 6.0)) == pytest.approx(rank_correlation(x, y))


class TestTable:
    def trials(self, n: int = 30) -> pd.DataFrame:
        g = np.random.default_rng(0)
        recon, mig = g.normal(size=n), g.normal(size=n)
        hit = mig + 0.3 * g.normal(size=n)
        return pd.DataFrame({"recon": recon, "mig": mig, "explanation_hit": hit, "outlier_ap": recon + 0.1 * g.normal(size=n)})

    def test_what_goes_together_is_found_and_what_does_not_is_not(self):
        table = association_table(self.trials()).set_index("ranking")
        assert table.loc["explanation_hit", "low"] > 0.5 and table.loc["explanation_hit", "p"] < 1e-6
        assert table.loc["outlier_ap", "low"] < 0 < table.loc["outlier_ap", "high"]

    def test_a_metric_that_is_the_same_everywhere_is_no_evidence(self):
        row = association_table(self.trials().assign(mig=0.2)).iloc[0]
        assert np.isnan([row.rho, row.p, row.rho_at_recon]).all() and row.n == 30

    def test_too_few_trials(self):
        with pytest.raises(UserError, match="at least 8 trials"):
            association_table(self.trials(5))
