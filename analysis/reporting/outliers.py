"""The report's chapter on outlier rankings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.pareto import pareto
from analysis.reporting.parts import Section, Table, picture
from analysis.tables.load import Studies
from analysis.tables.names import metric_name, number
from analysis.tables.statistics import summary
from study.metrics import plugin_of

if TYPE_CHECKING:
    pass

__all__ = ["outlier_keys", "outlier_section", "outlier_table"]


PLUGINS = ("outlier", "context_gain", "explanation_hit")


ABSENT = (
    "This study recorded no outlier ranking. Measure published models with `python -m analysis.batchrank MODEL…`, "
    "or search a space whose metrics include them: dsprites_outliers does."
)


def outlier_keys(studies: Studies) -> list[str]:
    """The outlier-ranking metrics that usable trials have."""
    return [key for key in studies.measured if plugin_of(key) in PLUGINS]


def outlier_table(studies: Studies) -> pd.DataFrame:
    """One row a study, kind of objective and outlier metric: median over trials, low, high, n."""
    columns = ["study", "variant", "value", "median", "low", "high", "n"]
    keys = outlier_keys(studies)
    return summary(studies.usable, ["study", "variant"], keys) if keys else pd.DataFrame(columns=columns)


def outlier_section(studies: Studies) -> Section:
    """The report's chapter: the table and each outlier metric against the first searched one."""
    keys = outlier_keys(studies)
    if not keys:
        return Section("Rankings of odd pictures", [ABSENT])
    table = outlier_table(studies)
    rows = [[number(cell) for cell in row] for row in table.itertuples(index=False)]
    shown = Table("By kind of objective, medians over trials", list(table.columns), rows, left=("study", "variant", "value"))
    first = next(key for key in studies.metrics.index if key not in keys)
    pictures = [
        picture(
            lambda ax, key=key: pareto(studies.trials, first, key, ax=ax), f"{metric_name(first)} against {metric_name(key)}."
        )
        for key in keys[:2]
    ]
    return Section("Rankings of odd pictures", pictures=pictures, tables=[shown])
