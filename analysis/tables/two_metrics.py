"""The trade-off of two metrics as a table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.tables.load import Studies, directions_of, knobs
from models.errors import UserError, unknown
from study.records.pareto import pareto_front

__all__ = ["by_variant", "front_rows", "metric_pair", "plotted", "tradeoff_table"]


def metric_pair(studies: Studies, x: str | None = None, y: str | None = None) -> tuple[str, str]:
    """The two metrics to plot: the first two that all these studies searched, or have.

    Raises `UserError` for an unknown metric, or when the studies share fewer than two.
    """
    have = studies.measured
    shared = [key for key in have if studies.usable.groupby("study")[key].apply(lambda v: v.notna().any()).all()]
    for key in (x, y):
        if key is not None and key not in have:
            raise unknown("metric", key, have, "these studies have" if have else "no usable trial has any")
    if studies.usable.empty:
        raise UserError(f"no usable trial yet in {', '.join(studies.folders)}: a trade-off needs one that is complete")
    rest = [key for key in dict.fromkeys([*studies.searched, *shared]) if key in shared and key not in (x, y)]
    chosen = [key or (rest.pop(0) if rest else None) for key in (x, y)]
    if chosen[0] is None or chosen[1] is None:
        raise UserError(f"a trade-off needs two metrics that all studies have, but they share: {', '.join(shared) or 'none'}")
    return chosen[0], chosen[1]


def tradeoff_table(studies: Studies, x: str, y: str) -> pd.DataFrame:
    """Usable trials with both metrics, best `x` first, and whether each is on the front of its terms."""
    rows = studies.usable.dropna(subset=[x, y])
    fronts = [front_rows(group, x, y) for _, group in rows.groupby("terms")]
    on_front = {(row["study"], row["trial"]) for front in fronts for _, row in front.iterrows()}
    others = [key for key in studies.measured if key not in (x, y)]
    columns = ["study", "trial", "variant", x, y, *others, "n_replicates", *knobs(rows), "config_digest"]
    table = rows[list(dict.fromkeys(columns))].assign(
        front=[(row["study"], row["trial"]) in on_front for _, row in rows.iterrows()]
    )
    return table.sort_values(x, ascending=directions_of([x])[0] == "minimize").reset_index(drop=True)


def by_variant(studies: Studies, x: str, y: str) -> pd.DataFrame:
    """One row a kind of objective: trials ended, usable, on the front; best and median of both metrics; of several studies
    each on its own."""
    table = tradeoff_table(studies, x, y)
    rows: list[dict[str, Any]] = []
    for (study, variant), group in studies.trials.dropna(subset=["variant"]).groupby(["study", "variant"]):
        usable = table[(table["study"] == study) & (table["variant"] == variant)]
        row: dict[str, Any] = {"study": study} if len(studies.folders) > 1 else {}
        row |= {"variant": variant, "trials": len(group), "usable": len(usable), "front": int(usable["front"].sum())}
        for key, direction in zip((x, y), directions_of([x, y]), strict=True):
            row |= {f"best {key}": usable[key].min() if direction == "minimize" else usable[key].max()}
            row |= {f"median {key}": usable[key].median()}
        rows.append(row)
    return pd.DataFrame(rows)


def front_rows(trials: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The trials on the front of these two metrics, best `x` first."""
    rows = plotted(trials, x, y)
    return rows.iloc[pareto_front(rows[[x, y]].to_numpy(dtype=float), directions_of([x, y]))] if len(rows) else rows


def plotted(trials: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    if not {x, y} <= set(trials.columns):
        return trials.iloc[:0]
    return trials[trials["usable"] & trials[x].notna() & trials[y].notna()]
