"""How well the models of a study rank odd pictures: the metrics of BatchRank that its trials recorded, by kind of objective."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.tables.load import Studies
from analysis.tables.statistics import summary
from models.errors import UserError
from study.metrics import metric_of

__all__ = ["ABSENT", "outlier_keys", "outlier_table", "read_rows"]

ABSENT = (
    "This study recorded no outlier ranking. Measure published models with `python -m analysis.batchrank MODEL…`, "
    "or search a space whose metrics include them: dsprites_outliers does."
)


def outlier_keys(studies: Studies) -> list[str]:
    """The outlier-ranking metrics that usable trials have."""
    return [key for key in studies.measured if metric_of(key).group == "ranking"]


def outlier_table(studies: Studies) -> pd.DataFrame:
    """One row a study, kind of objective and outlier metric: median over trials, low, high, n."""
    columns = ["study", "variant", "value", "median", "low", "high", "n"]
    keys = outlier_keys(studies)
    return summary(studies.usable, ["study", "variant"], keys) if keys else pd.DataFrame(columns=columns)


def read_rows(path: Path) -> pd.DataFrame:
    """The rows that `python -m analysis.batchrank` wrote.  Raises `UserError` for another file."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise UserError(f"--rows must be the rows.parquet of analysis.batchrank, but {path}: {problem}") from None
    missing = {"method", "model", "subject", "cell", "index", "auroc"} - set(table.columns)
    if missing:
        raise UserError(f"--rows must be the rows.parquet of analysis.batchrank, but {path} has no column {sorted(missing)[0]}")
    return table
