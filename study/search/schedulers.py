"""Early stopping: each rule by its name on the command line, on the first searched metric.

Reports carry it (as `comparable`) only once the objective's schedules have ended, and nothing is stopped before half of the run:
models in mid-annealing cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.records.folder import StudyRecord

__all__ = ["SCHEDULERS", "make_scheduler"]

Scheduler = Any  # of Ray, which is untyped


def _none(record: StudyRecord, common: dict[str, Any]) -> Scheduler:
    return None


def _asha(record: StudyRecord, common: dict[str, Any]) -> Scheduler:
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(max_t=record.budget.steps + 1, reduction_factor=2, **common)


def _median(record: StudyRecord, common: dict[str, Any]) -> Scheduler:
    from ray.tune.schedulers import MedianStoppingRule

    never = float(record.budget.steps)  # to be paused for others: a paused trial would start again
    return MedianStoppingRule(min_samples_required=3, min_time_slice=never, **common)


SCHEDULERS: dict[str, Callable[[StudyRecord, dict[str, Any]], Scheduler]] = {"none": _none, "asha": _asha, "median": _median}


def make_scheduler(record: StudyRecord) -> Scheduler:
    """The record's rule, as Ray Tune takes it; None without one."""
    common = {
        "time_attr": "step",
        "metric": "comparable",
        "mode": "min" if record.directions[0] == "minimize" else "max",
        "grace_period": max(1, record.budget.steps // 2),
    }
    return SCHEDULERS[record.scheduler](record, common)
