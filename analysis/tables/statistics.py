"""What explains the spread of a study's values, and how well a criterion without labels picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from models.errors import UserError
from study.metrics import Direction
from study.records.intervals import Interval, median_interval

__all__ = ["LEAST_CANDIDATES", "selection", "summary", "variance_explained"]


LEAST_CANDIDATES = 3
"""Fewer models are no choice."""


def summary(table: pd.DataFrame, by: Sequence[str], values: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """One row for each group and value: columns `by`, `value`, `median`, `low`, `high`, `n`.

    Raises `UserError` for a column that is not there.  A group without any value has no row.
    """
    _need(table, [*by, *values])
    long = table.melt(id_vars=list(by), value_vars=list(values), var_name="value", value_name="_").dropna(subset=["_"])
    rows = []
    for group, part in long.groupby([*by, "value"], sort=True, observed=True):
        found = median_interval(part["_"].to_numpy(dtype=np.float64), level)
        rows.append(dict(zip([*by, "value"], group, strict=True)) | found._asdict())
    return pd.DataFrame(rows, columns=[*by, "value", *Interval._fields])


def variance_explained(table: pd.DataFrame, value: str, causes: Sequence[Sequence[str]]) -> pd.DataFrame:
    """The share of a value's variance that each combination of columns explains (Locatello et al. 2019, §5.4).

        R² = 1 − Σ (y − mean of its group)² / Σ (y − mean)²

    causes: sets of columns, for instance [["objective"], ["objective", "strength"]]; what the last leaves is the seed's.
    `explained` is R²; `adjusted` corrects it for what groups explain by chance, 1 − (1 − R²)(n − 1)/(n − groups), and is
    NaN when every group has one row.  Columns: cause, explained, adjusted, groups, n.

    Raises `UserError` for a column that is not there, fewer than two values, or values without variance.
    """
    _need(table, [value, *(column for cause in causes for column in cause)])
    rows = table.dropna(subset=[value])
    total = float(((rows[value] - rows[value].mean()) ** 2).sum())
    if len(rows) < 2 or total == 0:
        raise UserError(f"a variance needs two different values or more, but {value} has {rows[value].nunique()}")
    return pd.DataFrame([_explained(rows, value, list(cause), total) for cause in causes])


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


def _explained(rows: pd.DataFrame, value: str, cause: list[str], total: float) -> dict[str, str | float | int]:
    groups = rows.groupby(cause, dropna=False, observed=True)[value]
    rest = float(((rows[value] - groups.transform("mean")) ** 2).sum())
    spare = len(rows) - groups.ngroups
    adjusted = 1 - rest / total * (len(rows) - 1) / spare if spare else np.nan
    return {
        "cause": " × ".join(cause),
        "explained": 1 - rest / total,
        "adjusted": adjusted,
        "groups": groups.ngroups,
        "n": len(rows),
    }


def _need(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"the table has no column {missing[0]!r}; it has: {', '.join(map(str, table.columns))}")
