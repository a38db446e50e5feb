"""The tables of a study: what analysis reads.  Derived from the journal and the trials' histories, never edited.

    trials.parquet       one row a trial: state, reason, metrics (median over replicates), one column a knob, config as JSON
    replicates.parquet   one row a trained seed: its own metrics, KL per latent, durations
    history.parquet      one row a report of a training: losses, KL per latent, schedules, mid-training looks

Losses in nats per image, durations in seconds.  A value that a trial does not have is missing (null), never zero.
`study.records.columns` declares the columns.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from models.files import write_atomically
from study.records.columns import HISTORY, REPLICATE, TRIAL, Column, schema, trial_row
from study.records.folder import StudyFolder, history_path
from study.records.outcome import outcome_of

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial

__all__ = ["read_table", "trial_rows", "write_confirmation", "write_tables"]


def trial_rows(trials: Iterable[FrozenTrial]) -> list[dict[str, Any]]:
    """One flat row a trial.  `status` is what happened, `state` what Optuna was told."""
    return [trial_row(trial) for trial in trials]


def write_tables(folder: StudyFolder, trials: Sequence[FrozenTrial]) -> None:
    """Write the three tables, each atomically."""
    _write(folder, "trials", TRIAL, trial_rows(trials))
    _write(folder, "replicates", REPLICATE, list(_replicate_rows(trials)))
    _write(folder, "history", HISTORY, list(_history_rows(folder, trials)))


def write_confirmation(folder: StudyFolder, rows: list[dict[str, Any]]) -> None:
    """Write `confirmation.parquet`, atomically: rows of `trial` and the columns of a replicate."""
    _write(folder, "confirmation", REPLICATE, rows)


def read_table(folder: StudyFolder, name: str) -> pd.DataFrame:
    """One of the tables (`trials`, `replicates`, `history`, `confirmation`); empty when the study has none yet."""
    import pandas as pd

    path = folder.path / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame()


def _replicate_rows(trials: Sequence[FrozenTrial]) -> Iterable[dict[str, Any]]:
    for trial in trials:
        outcome = outcome_of(trial)
        for replicate in outcome.replicates if outcome else ():
            yield {"trial": trial.number, **replicate}


def _history_rows(folder: StudyFolder, trials: Sequence[FrozenTrial]) -> Iterable[dict[str, Any]]:
    for trial in trials:
        outcome = outcome_of(trial)
        if outcome is None or outcome.config_digest is None:
            continue
        for replicate in outcome.replicates:
            path = history_path(folder.path, outcome.config_digest, replicate["replicate"])
            for row in json.loads(path.read_text()) if path.is_file() else []:
                yield {"trial": trial.number, "replicate": replicate["replicate"], **row}


def _write(folder: StudyFolder, name: str, declared: Sequence[Column], rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema(declared, rows)), buffer)
    write_atomically(folder.path / f"{name}.parquet", buffer.getvalue())
