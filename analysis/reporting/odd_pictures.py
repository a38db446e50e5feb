"""The report's chapter on how well the study's models rank odd pictures."""

from __future__ import annotations

from analysis.figures.pareto import pareto
from analysis.reporting.parts import Section, picture, table_of
from analysis.tables.load import Studies
from analysis.tables.names import metric_name
from analysis.tables.outlier_metrics import ABSENT, outlier_keys, outlier_table

__all__ = ["outlier_section"]


def outlier_section(studies: Studies) -> Section:
    """The table, and each outlier metric against the first searched one."""
    keys = outlier_keys(studies)
    if not keys:
        return Section("Rankings of odd pictures", [ABSENT])
    shown = table_of(outlier_table(studies), "By kind of objective, medians over trials")
    first = next(key for key in studies.metrics.index if key not in keys)
    pictures = [
        picture(
            lambda ax, key=key: pareto(studies.trials, first, key, ax=ax), f"{metric_name(first)} against {metric_name(key)}."
        )
        for key in keys[:2]
    ]
    return Section("Rankings of odd pictures", pictures=pictures, tables=[shown])
