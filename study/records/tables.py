"""The tables of a study: what analysis reads.  Derived from the journal and the trials' histories, never edited.

    trials.parquet       one row a trial: state, reason, metrics (median over replicates), one column a knob, config as JSON
    replicates.parquet   one row a trained seed: its own metrics, KL per latent, durations
    history.parquet      one row a report of a training: losses, KL per latent, schedules, mid-training looks

Losses in nats per image, durations in seconds.  A value that a trial does not have is missing (null), never zero.
`study.records.columns` declares the columns.

What is told about a trial never changes, so each ended one is turned into rows once; only the files are written whole.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from models.files import write_atomically
from study.records.columns import HISTORY, REPLICATE, TRIAL, Column, schema, trial_row, with_types
from study.records.folder import StudyFolder, history_path
from study.records.outcome import outcome_of
from study.records.pace import Pace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from optuna.trial import FrozenTrial

__all__ = ["Tables", "read_table", "trial_rows", "write_confirmation", "write_tables"]


def trial_rows(trials: Iterable[FrozenTrial]) -> list[dict[str, Any]]:
    """One flat row a trial.  `status` is what happened, `state` what Optuna was told."""
    return [trial_row(trial) for trial in trials]


DECLARED = {"trials": TRIAL, "replicates": REPLICATE, "history": HISTORY}
ORDER = {"trials": ["trial"], "replicates": ["trial", "replicate"], "history": ["trial", "replicate", "step"]}


class Tables:
    """The three tables of a study that grows."""

    SHARE = 1 / 200
    """Of the driver's time may go into writing them: a small study's are written at every result, ten thousand trials' every
    few minutes."""

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.known: set[int] = set()
        self.parts: dict[str, list[pa.Table]] = {name: [] for name in ORDER}
        self.pace = Pace(self.SHARE)

    @property
    def due(self) -> bool:
        """Whether writing them again would keep to its share."""
        return self.pace.due

    def write(self, trials: Sequence[FrozenTrial]) -> None:
        """Write all of them, each atomically; the mirror, where there is one, gets them and the journal."""
        with self.pace.spending():
            self._bring_up_to_date(trials)
            self.folder.mirror.push(self.folder.journal, *(self.folder.path / f"{name}.parquet" for name in ORDER))

    def _bring_up_to_date(self, trials: Sequence[FrozenTrial]) -> None:
        import pyarrow as pa

        ended = [trial for trial in trials if trial.state.is_finished() and trial.number not in self.known]
        for first in range(0, len(ended), 500):  # a resume begins with all of them, and rows take ten times a table's memory
            some = ended[first : first + 500]
            self._add("trials", trial_rows(some))
            self._add("replicates", list(_replicate_rows(some)))
            self._add("history", list(_history_rows(self.folder, some)))
        self.known.update(trial.number for trial in ended)
        self._write("trials", trial_rows(trial for trial in trials if trial.number not in self.known))
        self._write("replicates", [])
        self._write("history", [])
        pa.default_memory_pool().release_unused()

    def _add(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.parts[name].append(_table(DECLARED[name], rows))
        if len(self.parts[name]) > 100:
            self.parts[name] = [_joined(self.parts[name])]

    def _write(self, name: str, others: list[dict[str, Any]]) -> None:
        """All rows so far, and those of trials that have not ended."""
        table = _joined([*self.parts[name], _table(DECLARED[name], others)])
        _write(self.folder, name, table.sort_by([(column, "ascending") for column in ORDER[name]]))


def write_tables(folder: StudyFolder, trials: Sequence[FrozenTrial]) -> None:
    """Write the three tables once, each atomically."""
    Tables(folder).write(trials)


def write_confirmation(folder: StudyFolder, rows: list[dict[str, Any]]) -> None:
    """Write `confirmation.parquet`, atomically: rows of `trial` and the columns of a replicate."""
    _write(folder, "confirmation", _table(REPLICATE, rows))
    folder.mirror.push(folder.path / "confirmation.parquet")


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


def _table(declared: Sequence[Column], rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(rows, schema=schema(declared, rows))


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """One table of all rows; a column that only some parts have is null in the others."""
    import pyarrow as pa

    return pa.concat_tables(parts, promote_options="permissive").combine_chunks()


def _write(folder: StudyFolder, name: str, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(with_types(table), buffer)
    write_atomically(folder.path / f"{name}.parquet", buffer.getvalue())
