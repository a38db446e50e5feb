"""The columns of a study's tables, each declared once: its name, its type, what it means, and where it comes from.

A row of `trials` is these facts, then one column a metric (`Outcome.values`) and one a knob (the trial's parameters); nothing
else gets in, so whatever is neither a fact nor a metric is a knob.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.records.outcome import Outcome, outcome_of, status_of

if TYPE_CHECKING:
    import pyarrow as pa
    from optuna.trial import FrozenTrial

__all__ = ["HISTORY", "REPLICATE", "TRIAL", "Column", "facts", "schema", "trial_row", "with_types"]

Type = Literal["int64", "float64", "string", "list"]


@dataclass(frozen=True)
class Column:
    """One column that every row of its table has.  `of` reads it from a trial and its outcome (tables of trials only)."""

    name: str
    type: Type
    means: str
    of: Callable[[FrozenTrial, Outcome], Any] = lambda trial, outcome: None


def _started(trial: FrozenTrial, _: Outcome) -> str | None:
    return trial.datetime_start.isoformat() if trial.datetime_start else None


def _wall_seconds(trial: FrozenTrial, _: Outcome) -> float | None:
    return trial.duration.total_seconds() if trial.duration else None


def _config(_: FrozenTrial, outcome: Outcome) -> str | None:
    return None if outcome.config is None else json.dumps(outcome.config, sort_keys=True)


TRIAL = (
    Column("trial", "int64", "number in the study", lambda trial, _: trial.number),
    Column("state", "string", "what Optuna was told", lambda trial, _: trial.state.name),
    Column("status", "string", "what happened", lambda trial, _: status_of(trial)),
    Column("reason", "string", "why, where something went wrong", lambda _, outcome: outcome.reason),
    Column("retry_of", "int64", "the interrupted trial that this one repeats", lambda trial, _: trial.user_attrs.get("retry_of")),
    Column("config_digest", "string", "sha256 of the configuration", lambda _, outcome: outcome.config_digest),
    Column("started", "string", "when", _started),
    Column("wall_seconds", "float64", "from proposal to result", _wall_seconds),
    Column("train_seconds", "float64", "of training, all seeds", lambda _, outcome: outcome.seconds),
    Column("steps", "int64", "of training, all seeds", lambda _, outcome: outcome.steps),
    Column("n_replicates", "int64", "seeds trained", lambda _, outcome: len(outcome.replicates)),
    Column("device", "string", "cpu or cuda", lambda _, outcome: outcome.hardware.get("device")),
    Column("config", "string", "the configuration as JSON", _config),
)

REPLICATE = (
    Column("trial", "int64", "number in the study"),
    Column("replicate", "int64", "number of the seed"),
    Column("seed", "int64", "of batches, noise and parameters"),
    Column("status", "string", "what happened"),
    Column("reason", "string", "why, where something went wrong"),
    Column("steps", "int64", "trained"),
    Column("seconds", "float64", "of training"),
    Column("evaluation_seconds", "float64", "of evaluation, looks in mid-training included"),
    Column("kl_per_latent", "list", "mean KL of every latent, nats"),
)

HISTORY = (
    Column("trial", "int64", "number in the study"),
    Column("replicate", "int64", "number of the seed"),
    Column("step", "int64", "of the training"),
    Column("kl_per_latent", "list", "mean KL of every latent since the last report, nats"),
)


def trial_row(trial: FrozenTrial) -> dict[str, Any]:
    """One flat row: facts, metrics, knobs.  What a trial does not have is None, never zero."""
    outcome = outcome_of(trial) or _NOTHING
    row = {column.name: column.of(trial, outcome) for column in TRIAL}
    clash = [name for name in (*outcome.values, *trial.params) if name in row]
    assert not clash, f"metrics and knobs must not be named like the columns of a trial: {clash}"
    return row | outcome.values | trial.params


def facts(table: Iterable[Column]) -> list[str]:
    """The declared names."""
    return [column.name for column in table]


def schema(declared: Iterable[Column], rows: Iterable[Mapping[str, Any]]) -> pa.Schema:
    """The declared columns, then those of the rows: metrics, knobs and schedules; text, truth values or numbers (float64).

    pyarrow alone would drop what the first row lacks.  A column without a value stays of type null, see `with_types`.
    """
    import pyarrow as pa

    types: dict[str, Any] = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "list": pa.list_(pa.float64())}
    fields = {column.name: types[column.type] for column in declared}
    for row in rows:
        for name, value in row.items():
            if name not in fields or (fields[name] is None and value is not None):
                fields[name] = _type(value)
    return pa.schema([(name, pa.null() if kind is None else kind) for name, kind in fields.items()])


def with_types(table: pa.Table) -> pa.Table:
    """The table as it is written: a column in which no row has a value is one of numbers."""
    import pyarrow as pa

    fields = [pa.field(field.name, pa.float64()) if pa.types.is_null(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))


def _type(value: Any) -> Any:
    import pyarrow as pa

    if value is None:
        return None
    if isinstance(value, bool):
        return pa.bool_()
    return pa.string() if isinstance(value, str) else pa.float64()


_NOTHING = Outcome(status="failed")
"""Stands for the outcome of a trial that has none: no field of it but the defaults is read."""
