"""BatchRank's rows as tables: one line a method, one column a subject, every number with its interval.

Columns: the subject (a factor, the class, low-level damage), each the mean over its cells.  Models are the seeds of one
configuration: intervals are those of `analysis.tables.crossed`, twins averaged first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.tables.crossed import Interval, holm, interval, p_value
from models.outlier_scores import DEFAULT_SCORE

__all__ = ["alarm_table", "comparison_table", "explanation_table", "gain_table", "quality_table", "values_of"]

Floats = NDArray[np.float64]


def values_of(rows: pd.DataFrame, method: str, column: str, subject: str | None = None) -> Floats:
    """One column of one method as (S models, C cells, I batches), twins averaged; empty when it was not measured."""
    chosen = rows[(rows.method == method) & rows[column].notna()] if column in rows else rows[:0]
    if subject is not None:
        chosen = chosen[chosen.subject == subject]
    if chosen.empty:
        return np.empty((0, 0, 0))
    mean = chosen.groupby(["model", "cell", "index"])[column].mean().unstack("index")
    shape = (chosen.model.nunique(), chosen.cell.nunique(), -1)
    return np.asarray(mean.to_numpy(dtype=np.float64).reshape(shape))


def quality_table(rows: pd.DataFrame, quality: str) -> pd.DataFrame:
    """Methods × (all, each subject): `Interval`s of a quality, best method first; none goes beyond 1, as no quality does."""
    subjects = [None, *rows.subject.unique()]
    table = {
        method: {subject or "all": _at_most_one(interval(values_of(rows, method, quality, subject))) for subject in subjects}
        for method in rows.method.unique()
    }
    frame = pd.DataFrame.from_dict(table, orient="index")
    return frame.loc[sorted(table, key=lambda method: -table[method]["all"].mean)]


def _at_most_one(found: Interval) -> Interval:
    return found._replace(high=min(found.high, 1.0))


def comparison_table(rows: pd.DataFrame, quality: str, default: str = DEFAULT_SCORE) -> pd.DataFrame:
    """The default (or another method) against every other: paired difference with interval, and Holm-adjusted p-value.

    Empty without the default among the methods.
    """
    others = [method for method in rows.method.unique() if method != default]
    mine = values_of(rows, default, quality)
    if not mine.size:
        return pd.DataFrame()
    differences = {method: mine - values_of(rows, method, quality) for method in others}
    adjusted = holm([p_value(difference) for difference in differences.values()])
    found = {f"{default} minus it": [interval(difference) for difference in differences.values()], "p (Holm)": adjusted}
    frame = pd.DataFrame(found, index=others)
    return frame.loc[sorted(others, key=lambda method: differences[method].mean())]


def gain_table(rows: pd.DataFrame, default: str = DEFAULT_SCORE) -> pd.DataFrame:
    """By subject: AUROC with the batch as context, without it, and the difference."""
    found = {}
    for subject in rows.subject.unique():
        inside, outside = (values_of(rows, method, "auroc", subject) for method in (default, "without_context"))
        if inside.size and outside.size:
            found[subject] = {"in context": interval(inside), "without": interval(outside), "gain": interval(inside - outside)}
    return pd.DataFrame.from_dict(found, orient="index")


def explanation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """By additive method and subject: how often the leading latent is the right one, for odd and for ordinary pictures."""
    found = {}
    for method in rows.method.unique():
        for subject in rows.subject.unique():
            hits = values_of(rows, method, "explanation_hit", subject)
            if hits.size:
                chance = float(rows[rows.subject == subject].chance.mean())
                ordinary = values_of(rows, method, "ordinary_hit", subject)
                found[method, subject] = {
                    "hit@1": interval(hits),
                    "of ordinary pictures": interval(ordinary),
                    "chance": chance,
                    "times chance": hits.mean() / chance,
                }
    return pd.DataFrame.from_dict(found, orient="index")


def alarm_table(rows: pd.DataFrame, default: str = DEFAULT_SCORE) -> pd.DataFrame:
    """By cell, of one method: share of batches in which an ordinary picture stands out, and share of odd ones found."""
    mine = rows[rows.method == default].assign(alarm=lambda frame: (frame.false_alarms > 0).astype(float))
    columns = ["alarm", *([] if "found" not in mine else ["found"])]
    return (
        mine.groupby("cell")[columns]
        .mean()
        .rename(columns={"alarm": "batches with a false alarm", "found": "odd pictures found"})
    )
