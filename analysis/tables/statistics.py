"""What explains the spread of a study's values, and how well a criterion without labels picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from models.errors import UserError
from study.metrics import Direction
from study.records.intervals import Interval, median_interval

__all__ = ["LEAST_CANDIDATES", "selection", "summary", "variance_components"]


LEAST_CANDIDATES = 3
"""Fewer models are no choice."""


def summary(table: pd.DataFrame, by: Sequence[str], values: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """One row for each group and value: columns `by`, `value`, `median`, `low`, `high` (see `median_interval`), `n`.

    Raises `UserError` for a column that is not there.  A group without any value has no row.
    """
    _need(table, [*by, *values])
    long = table.melt(id_vars=list(by), value_vars=list(values), var_name="value", value_name="_").dropna(subset=["_"])
    rows = []
    for group, part in long.groupby([*by, "value"], sort=True, observed=True):
        found = median_interval(part["_"].to_numpy(dtype=np.float64), level)
        rows.append(dict(zip([*by, "value"], group, strict=True)) | found._asdict())
    return pd.DataFrame(rows, columns=[*by, "value", *Interval._fields])


def variance_components(table: pd.DataFrame, value: str, kind: str, unit: Sequence[str]) -> dict[str, float]:
    """Unbiased parts of a value's variance: {"kind", "unit", "rest"}, shares of their sum; NaN where a value cannot tell.

    Rows are seeds of units (trials), and units belong to kinds (of objective).  Unweighted means analysis of the nested design

        y = kind + unit within kind + seed        σ²_rest = variance within units, r seeds each
        σ²_unit = W − σ²_rest · mean(1/r)         W the variance of the units' means within kinds
        σ²_kind = A − W                           A the variance of the units' means over all

    (Burdick & Graybill 1992, Confidence Intervals on Variance Components, ch. 5), negative ones set to 0.  R² of the same
    groups, as Locatello et al. (2019, §5.4) have it, counts what groups explain by chance: of pure noise in trials of three seeds
    a third.

    Raises `UserError` for a column that is not there, or values without variance.
    """
    _need(table, [value, kind, *unit])
    rows = table.dropna(subset=[value])
    if rows[value].nunique() < 2:
        raise UserError(f"a variance needs two different values or more, but {value} has {rows[value].nunique()}")
    units = rows.groupby([kind, *unit], observed=True)[value].agg(["mean", "var", "size"]).reset_index()
    seeds = units[units["size"] > 1]
    kinds, spare = units[kind].nunique(), int((seeds["size"] - 1).sum())
    if spare == 0 or len(units) <= kinds:
        return dict.fromkeys(("kind", "unit", "rest"), float("nan"))
    rest = float((seeds["var"] * (seeds["size"] - 1)).sum()) / spare
    left = units["mean"] - units.groupby(kind, observed=True)["mean"].transform("mean")
    within, over_all = float((left**2).sum()) / (len(units) - kinds), float(units["mean"].var())
    parts = {
        "kind": max(0.0, over_all - within) if kinds > 1 else 0.0,
        "unit": max(0.0, within - rest * float((1 / units["size"]).mean())),
        "rest": rest,
    }
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def selection(table: pd.DataFrame, criterion: str, targets: Sequence[str], directions: Mapping[str, Direction]) -> pd.DataFrame:
    """How well a criterion that reads no labels picks the models that the labels would have picked.

    table  one row a candidate, with the criterion (`udr`, `recon`, …) and the label-based targets (`mig`, …)

    One row for each target: `spearman`, the rank correlation of criterion and target, both oriented so that higher is better;
    `picked` and `best`, the target's value of the criterion's choice and of the best candidate; `regret` = what the choice
    gives away (≥ 0, the target's unit); `relative_regret` = regret over what picking at random gives away on average: 0 perfect,
    1 no better than chance; `n` candidates.  A rank correlation or ratio that is undefined (no spread) is NaN.

    Raises `UserError` for a column that is not there or fewer than three candidates that have both values.
    """
    _need(table, [criterion, *targets])
    return pd.DataFrame([_selection(table, criterion, target, directions) for target in targets])


def _selection(
    table: pd.DataFrame, criterion: str, target: str, directions: Mapping[str, Direction]
) -> dict[str, str | float | int]:
    rows = table[[criterion, target]].dropna()
    if len(rows) < LEAST_CANDIDATES:
        raise UserError(
            f"a selection needs at least {LEAST_CANDIDATES} candidates with {criterion} and {target}, but got {len(rows)}"
        )
    sign = {name: 1.0 if directions[name] == "maximize" else -1.0 for name in (criterion, target)}
    guide, truth = (sign[name] * rows[name].to_numpy(dtype=np.float64) for name in (criterion, target))
    flat = np.ptp(guide) == 0 or np.ptp(truth) == 0
    picked = float(truth[guide == guide.max()].mean())  # ties are broken at random: their mean is what to expect
    regret, chance = truth.max() - picked, truth.max() - truth.mean()
    return {
        "target": target,
        "spearman": np.nan if flat else float(stats.spearmanr(guide, truth).statistic),
        "picked": sign[target] * picked,
        "best": sign[target] * float(truth.max()),
        "regret": float(regret),
        "relative_regret": float(regret / chance) if chance > 0 else np.nan,
        "n": len(rows),
    }


def _need(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"the table has no column {missing[0]!r}; it has: {', '.join(map(str, table.columns))}")
