"""Which trials of a study won: the front, the best under a condition, the replicate that stands for a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from models.errors import UserError, unknown
from registry.where import check_names, fulfils, parse_where
from study.metrics import direction
from study.records.folder import StudyFolder, StudyRecord
from study.records.outcome import usable_rows
from study.records.pareto import pareto_front, representatives
from study.records.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "MOST",
    "best_trials",
    "candidates",
    "confirmed_medians",
    "front_of",
    "front_to_keep",
    "standing_for",
    "typical_replicate",
]


MOST = 5  # Pareto models published by a run


def candidates(folder: StudyFolder) -> pd.DataFrame:
    """The trials that have a usable model: complete, with every searched metric."""
    table = read_table(folder, "trials")
    return table[usable_rows(table, folder.record.metrics)].reset_index(drop=True)


def front_of(folder: StudyFolder) -> pd.DataFrame:
    """The Pareto front over the searched metrics, best first metric first."""
    table, record = candidates(folder), folder.record
    if table.empty:
        return table
    return table.iloc[pareto_front(table[list(record.metrics)].to_numpy(), record.directions)]


def front_to_keep(folder: StudyFolder) -> pd.DataFrame:
    """The trials of the front that are confirmed, drawn and published: those that stand for all of it."""
    return standing_for(front_of(folder), folder.record, MOST)


def standing_for(front: pd.DataFrame, record: StudyRecord, count: int) -> pd.DataFrame:
    """Of a front's trials its compromise, the best of each searched metric, and what lies between; in the front's order."""
    return front if front.empty else front.iloc[representatives(front[list(record.metrics)], record.directions, count)]


def best_trials(folder: StudyFolder, metric: str, where: str | None = None) -> pd.DataFrame:
    """The best trial in `metric` among those that fulfil `where`, e.g. "recon <= 60, mig > 0.1".

    Raises `UserError` for an unknown metric, a condition that cannot be read, or one that no trial fulfils.
    """
    table = candidates(folder)
    conditions = parse_where(where)
    check_names(conditions, [str(column) for column in table.columns if column not in ("retry_of", "config")], "this study has")
    rows = cast("list[dict[str, Any]]", table.to_dict("records"))
    table = table[[fulfils(conditions, row) for row in rows]]
    if table.empty:
        raise UserError(
            f"no finished trial of {folder.name} fulfils {where!r}" if where else f"{folder.name} has no finished trial"
        )
    best = _column(table, metric).idxmin() if direction(metric) == "minimize" else _column(table, metric).idxmax()
    return table.loc[[best]]


def confirmed_medians(folder: StudyFolder) -> pd.DataFrame:
    """What fresh seeds say (`--confirm`): by trial, searched metrics' medians over usable fresh seeds, and `seeds`, how many.

    The search's own value is not among them: it was picked for being good.  Empty where nothing was confirmed.
    """
    import pandas as pd

    table, metrics = read_table(folder, "confirmation"), folder.record.metrics
    metrics = tuple(metric for metric in metrics if metric in table.columns)  # UDR is of all replicates together
    if table.empty:
        return pd.DataFrame(columns=[*metrics, "seeds"])
    by_trial = table[usable_rows(table, metrics)].groupby("trial")
    return by_trial[list(metrics)].median().assign(seeds=by_trial.size())


def typical_replicate(folder: StudyFolder, trial: int) -> dict[str, Any]:
    """The replicate nearest the trial's medians, each metric scaled by its spread."""
    table = read_table(folder, "replicates")
    metrics = [metric for metric in folder.record.metrics if metric in table.columns]  # UDR is of all replicates together
    rows = table[(table["trial"] == trial) & usable_rows(table, metrics)].reset_index(drop=True)
    values = rows[metrics].to_numpy(dtype=float)
    spread = np.where(np.ptp(values, axis=0) > 0, np.ptp(values, axis=0), 1.0)
    distance = np.abs((values - np.median(values, axis=0)) / spread).sum(axis=1)
    return {str(key): value for key, value in rows.iloc[int(np.argmin(distance))].items()}


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    numbers = [str(column) for column in table.select_dtypes("number").columns if column not in ("trial", "retry_of")]
    if name not in numbers:
        raise unknown("metric", name, numbers, "this study has")
    return table[name]
