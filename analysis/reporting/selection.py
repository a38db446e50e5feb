"""Choosing a model without labels: what UDR and the losses would have picked, against what the labels pick."""

from __future__ import annotations

import pandas as pd

from analysis.reporting.parts import Section, Table
from analysis.tables.load import Studies
from analysis.tables.names import metric_name, number
from analysis.tables.statistics import LEAST_CANDIDATES, selection
from study.metrics import metric_of

__all__ = ["label_free", "selection_table"]


def selection_table(studies: Studies) -> pd.DataFrame:
    """One row for each label-free criterion and each metric that reads labels; see `study.records.intervals.selection`.

    Empty without usable trials that have both.
    """
    keys = [key for key in studies.measured if studies.usable[key].nunique() > 1]
    targets = [key for key in keys if _reads_labels(key)]
    directions = {key: metric_of(key).direction for key in keys}
    tables = []
    for criterion in (key for key in keys if not _reads_labels(key)):
        complete = [t for t in targets if len(studies.usable[[criterion, t]].dropna()) >= LEAST_CANDIDATES]
        if complete:
            tables.append(selection(studies.usable, criterion, complete, directions).assign(criterion=criterion))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def label_free(studies: Studies) -> Section | None:
    """The chapter; None where there is nothing to compare."""
    table = selection_table(studies)
    if table.empty:
        return None
    lead = [
        "Without labels one would choose by a criterion that reads none: a loss, or UDR where trials have replicates. ρ: "
        "Spearman's rank correlation with the metric that the labels give, both turned so that higher is better. Regret: what "
        "the criterion's choice gives away; relative to choosing at random, 0 is perfect and 1 no better than chance.",
    ]
    rows = [
        [metric_name(row["criterion"]), metric_name(row["target"])]
        + [number(row[key], 3) for key in ("spearman", "picked", "best", "regret", "relative_regret", "n")]
        for row in table.to_dict("records")
    ]
    columns = ["chosen by", "judged by", "ρ", "picked", "best", "regret", "relative regret", "n"]
    shown = Table("What a choice without labels picks", columns, rows, left=("chosen by", "judged by"))
    return Section("Choosing without labels", lead, tables=[shown])


def _reads_labels(key: str) -> bool:
    metric = metric_of(key)
    return metric.truth or metric.family == "codes"
