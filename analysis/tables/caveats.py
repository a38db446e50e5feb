"""What a reader must know before believing a number: seeds, budget, data, what is missing.

Every figure, table and page says these lines, made from the records and never from memory.
"""

from __future__ import annotations

import pandas as pd

from analysis.tables.load import Studies
from study.records.folder import StudyRecord
from study.records.outcome import ENDED

__all__ = ["PROTOCOL", "caveats", "provenance", "seeds_text", "unfinished"]

SHORT = 100_000  # optimiser steps; Burgess et al. 2018 anneal C over 100,000, the field's protocol trains 300,000
PROTOCOL = 15_000  # images behind published values: 10,000 to fit on and 5,000 to score on
FEW = 30  # usable trials below which a knob's effect is an impression


def provenance(studies: Studies, *, medians: bool = True) -> str:
    """Data, budget and seeds in one line, for captions.  medians: shown are medians over a trial's seeds, not its seeds."""
    if len(studies.records) == 1:
        return _provenance(next(iter(studies.records.values())), medians)
    return "; ".join(f"{name}: {_provenance(record, medians)}" for name, record in studies.records.items())


def _provenance(record: StudyRecord, medians: bool) -> str:
    data = f"{record.dataset['name']} ({record.dataset['source']})"
    seeds = seeds_text(record.replicates) if medians else f"n = {record.replicates} seeds"
    return f"{data} · {record.budget.steps:,} steps ({record.budget_name}) · {seeds}"


def seeds_text(replicates: int) -> str:
    """
    >>> seeds_text(1), seeds_text(5)
    ('n = 1 seed', 'medians of n = 5 seeds')
    """
    return "n = 1 seed" if replicates == 1 else f"medians of n = {replicates} seeds"


def unfinished(studies: Studies) -> list[str]:
    """One line for every study that has not ended."""
    lines = []
    for name, record in studies.records.items():
        rows = studies.trials[studies.trials["study"] == name]
        ended = int(rows["status"].isin(ENDED).sum())
        if ended < record.trials:
            lines.append(f"{name} is not finished: {ended} of {record.trials} trials have ended; this is what there is so far")
    return lines


def caveats(studies: Studies) -> list[str]:
    """All that applies to these studies, most serious first."""
    lines = unfinished(studies)
    if len(studies.terms) > 1:
        lines.append("these studies differ in data or budget and cannot be compared: " + "; ".join(studies.terms))
    for name, record in studies.records.items():
        lines += [f"{name}: {line}" if len(studies.records) > 1 else line for line in _of_record(record)]
    return lines + _of_trials(studies.trials)


def _of_record(record: StudyRecord) -> list[str]:
    lines = []
    if record.replicates == 1:
        lines.append(
            "every value is one seed (n = 1): a difference between two trials may be luck, and the best of many is too good "
            "on average. --confirm K trains winners again with fresh seeds"
        )
    if record.budget.steps < SHORT:
        lines.append(
            f"budget {record.budget_name}: {record.budget.steps:,} steps, where the literature trains 100,000 to 300,000; "
            "schedules are scaled, results need not be"
        )
    if record.budget.points < PROTOCOL and record.dataset.get("parts", {}).get("validation", 0) > record.budget.points:
        lines.append(
            f"metrics of codes on {record.budget.points:,} images: not comparable with published values, which "
            f"are of {PROTOCOL:,} (at 5,000, DCI forest reads .117 for .176)"
        )
    if record.dataset["source"] == "drawn":
        lines.append(f"{record.dataset['name']} was drawn from its published geometry, not read from the official file")
    if record.git.get("dirty"):
        lines.append("the code had uncommitted changes when the study ran")
    return lines


def _of_trials(trials: pd.DataFrame) -> list[str]:
    lines = []
    lost = trials[trials["status"].isin(("collapsed", "diverged", "failed", "pruned"))]
    if len(lost):
        counts = ", ".join(f"{count} {status}" for status, count in lost["status"].value_counts().items())
        lines.append(f"trials without a usable model: {counts}; they are in the tables and absent from fronts and figures")
    usable = int(trials["usable"].sum()) if len(trials) else 0
    if usable < FEW:
        lines.append(f"{usable} usable trial{'s' if usable != 1 else ''}: effects of single knobs are impressions, not estimates")
    return lines
