"""How a trial ended: one record, made in the worker, carried to the driver, kept in the journal, read by every table.

    complete    trained to its end and evaluated
    stopped     early stopping by its own loss; evaluated, and as good as complete
    collapsed   trained, but its latents carry no information
    diverged    the loss was no longer finite
    pruned      stopped by the study's scheduler
    failed      an exception, or a worker that died
    rejected    the point breaks a rule of a plug-in: nothing was trained, and another point was asked for

A trial that has no outcome is still waiting or running, or its driver died: `status_of` gives it a word as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ConfigDict, Field

from models.config import Config

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial

__all__ = [
    "ENDED",
    "OUTCOME",
    "SAYS_NOTHING",
    "Outcome",
    "Status",
    "interrupted",
    "is_usable",
    "outcome_of",
    "status_of",
    "usable_rows",
]

Status = Literal["complete", "stopped", "collapsed", "diverged", "pruned", "failed", "rejected"]
ENDED: tuple[Status, ...] = get_args(Status)

SAYS_NOTHING = 0.5
"""Nats of KL per image, 0.7 bit: with less, the latents say next to nothing of a picture, whatever the other metrics are."""

OUTCOME = "outcome"
"""The user attribute of an Optuna trial that holds its `Outcome`."""


class Outcome(Config):
    """What became of one trial.  Losses in nats per image, durations in seconds.

    values        {metric key: median over the replicates}
    replicates    one flat row a trained seed (`study.records.columns.REPLICATE`)
    steps, seconds   of all its trainings together
    """

    model_config = ConfigDict(allow_inf_nan=True)

    status: Status
    reason: str = ""
    config: dict[str, Any] | None = None
    config_digest: str | None = None
    seconds: float | None = None
    steps: int | None = None
    hardware: dict[str, Any] = Field(default_factory=dict)
    values: dict[str, float] = Field(default_factory=dict)
    replicates: tuple[dict[str, Any], ...] = ()

    @classmethod
    def trained(cls, replicates: Sequence[dict[str, Any]], values: dict[str, float], **facts: Any) -> Outcome:
        """Of finished trainings, each with its own `status` and `reason`: the first that is not usable speaks for the trial."""
        worst = next((row for row in replicates if not is_usable(row["status"])), replicates[0])
        return cls(
            status=worst["status"],
            reason=worst["reason"],
            seconds=sum(row["seconds"] for row in replicates),
            steps=sum(row["steps"] for row in replicates),
            values=values if worst["status"] != "diverged" else {},
            replicates=tuple(replicates),
            **facts,
        )

    @classmethod
    def failed(cls, reason: str, **facts: Any) -> Outcome:
        """The trial raised, or its worker died.  `reason` is one line."""
        return cls(status="failed", reason=" ".join(reason.split())[:500], **facts)

    @classmethod
    def pruned(cls, reason: str, **facts: Any) -> Outcome:
        """The study's scheduler stopped it."""
        return cls(status="pruned", reason=reason, **facts)

    @classmethod
    def rejected(cls, reason: str) -> Outcome:
        """No configuration could be made of the point."""
        return cls(status="rejected", reason=" ".join(reason.split())[:500])

    @property
    def usable(self) -> bool:
        """Whether it has a model to compare: see `is_usable`."""
        return is_usable(self.status)

    def searched(self, metrics: Sequence[str]) -> list[float] | None:
        """The values of these metrics; None unless all are there and finite."""
        values = [self.values.get(metric, math.nan) for metric in metrics]
        return values if all(math.isfinite(value) for value in values) else None

    def record(self) -> dict[str, Any]:
        """As the journal keeps it: what there is to say, JSON values."""
        return {key: value for key, value in self.model_dump().items() if value not in (None, {}, ())}


def is_usable(status: str) -> bool:
    """Whether a trial or replicate of this status has a model that may be compared, published, or be on a front."""
    return status in ("complete", "stopped")


def usable_rows(table: pd.DataFrame, metrics: Sequence[str]) -> pd.Series:
    """Which rows of a table of trials or replicates are usable: by status, and with all these metrics; boolean, (rows,)."""
    import pandas as pd

    if table.empty or not set(metrics) <= set(table.columns):
        return pd.Series(False, index=table.index, dtype=bool)
    return table["status"].map(is_usable).astype(bool) & table[list(metrics)].notna().all(axis=1)


def outcome_of(trial: FrozenTrial) -> Outcome | None:
    """What the journal says became of this trial; None where it has not ended, or its driver died."""
    told = trial.user_attrs.get(OUTCOME)
    return None if told is None else Outcome(**told)


def interrupted(trial: FrozenTrial) -> bool:
    """Told FAIL without an outcome: its driver died, and its point is tried again."""
    return trial.state.name == "FAIL" and OUTCOME not in trial.user_attrs


def status_of(trial: FrozenTrial) -> str:
    """One word for what became of a trial: a `Status`, or "interrupted", "running", "waiting"."""
    outcome = outcome_of(trial)
    if outcome is not None and trial.state.is_finished():
        return outcome.status
    return "interrupted" if interrupted(trial) else trial.state.name.lower()
