"""The tables of a study: what analysis reads.  Derived from the journal and the trials' histories, never edited.

    trials.parquet       one row a trial: state, reason, metrics (median over replicates), one column a knob, config as JSON
    replicates.parquet   one row a trained seed: its own metrics, KL per latent, durations
    history.parquet      one row a report of a training: losses, KL per latent, schedules, mid-training looks

Losses in nats per image, durations in seconds.  A value that a trial does not have is missing (null), never zero.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from models.files import write_atomically
from study.records.folder import StudyFolder, history_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from optuna.trial import FrozenTrial

__all__ = ["read_table", "trial_rows", "write_table", "write_tables"]


def trial_rows(trials: Iterable[FrozenTrial]) -> list[dict[str, Any]]:
    """One flat row a trial.  `status` is what happened, `state` what Optuna was told."""
    rows = []
    for trial in trials:
        outcome = trial.user_attrs.get("outcome", {})
        started, ended = trial.datetime_start, trial.datetime_complete
        interrupted = bool(trial.user_attrs.get("interrupted", False))
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name,
                "status": "interrupted" if interrupted else outcome.get("status", trial.state.name.lower()),
                "reason": outcome.get("reason", ""),
                "retry_of": trial.user_attrs.get("retry_of"),
                "config_digest": outcome.get("config_digest"),
                "started": started.isoformat() if started else None,
                "wall_seconds": (ended - started).total_seconds() if started and ended else None,
                "train_seconds": outcome.get("seconds"),
                "steps": outcome.get("steps"),
                "n_replicates": len(outcome.get("replicates", [])),
                "device": outcome.get("hardware", {}).get("device"),
                "config": json.dumps(outcome["config"], sort_keys=True) if "config" in outcome else None,
                **outcome.get("values", {}),
                **trial.params,
            }
        )
    return rows


def write_tables(folder: StudyFolder, trials: Sequence[FrozenTrial]) -> None:
    """Write the three tables, each atomically."""
    write_table(folder, "trials", trial_rows(trials))
    write_table(folder, "replicates", list(_replicate_rows(trials)))
    write_table(folder, "history", list(_history_rows(folder, trials)))


def read_table(folder: StudyFolder, name: str) -> pd.DataFrame:
    """One of the tables (`trials`, `replicates`, `history`, `confirmation`); empty when the study has none yet."""
    import pandas as pd

    path = folder.path / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame()


def _replicate_rows(trials: Sequence[FrozenTrial]) -> Iterable[dict[str, Any]]:
    for trial in trials:
        for replicate in trial.user_attrs.get("outcome", {}).get("replicates", []):
            yield {"trial": trial.number, **replicate}


def _history_rows(folder: StudyFolder, trials: Sequence[FrozenTrial]) -> Iterable[dict[str, Any]]:
    for trial in trials:
        outcome = trial.user_attrs.get("outcome", {})
        for replicate in outcome.get("replicates", []):
            path = history_path(folder.path, outcome["config_digest"], replicate["replicate"])
            for row in json.loads(path.read_text()) if path.is_file() else []:
                yield {"trial": trial.number, "replicate": replicate["replicate"], **row}


def write_table(folder: StudyFolder, name: str, rows: list[dict[str, Any]]) -> None:
    """Write one table, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema(rows)), buffer)
    write_atomically(folder.path / f"{name}.parquet", buffer.getvalue())


def _schema(rows: list[dict[str, Any]]) -> pa.Schema:
    """All columns of all rows with explicit types: pyarrow would drop what the first row lacks, and guess from nulls."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    return pa.schema([(name, _type(name, values)) for name, values in columns.items()])


def _type(name: str, values: list[Any]) -> pa.DataType:
    import pyarrow as pa

    present = [value for value in values if value is not None]
    if any(isinstance(value, (list, tuple)) for value in present):
        return pa.list_(pa.float64())
    if name in ("trial", "replicate", "seed", "step", "steps", "n_replicates", "retry_of"):
        return pa.int64()
    if any(isinstance(value, str) for value in present) or (
        not present and name in ("started", "config", "config_digest", "device")
    ):
        return pa.string()
    if present and all(isinstance(value, bool) for value in present):
        return pa.bool_()
    return pa.float64()
