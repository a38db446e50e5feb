"""What a trial leaves that did not end by itself: the history of one that was stopped, checkpoints that nobody will continue.

A worker that ends its trial writes its history and removes its checkpoint itself.  One that the scheduler stops is not asked; the
driver has its reports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.files import write_atomically
from study.records.folder import checkpoint_path, history_path
from study.records.outcome import Outcome
from study.search.trial import TrialSpec

__all__ = ["Leftovers"]


class Leftovers:
    """Reports of the running trials, by number; `history` of each is the row that its history has, as JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: dict[int, list[dict[str, Any]]] = {}

    def keep(self, spec: TrialSpec, report: dict[str, Any]) -> None:
        """One report of a running trial."""
        self.reports.setdefault(spec.number, []).append(report)

    def pruned(self, spec: TrialSpec, reason: str) -> Outcome:
        """The outcome of a trial that the scheduler stopped; its histories are written."""
        rows = []
        reports = self.reports.get(spec.number, [])
        for replicate in dict.fromkeys(report["replicate"] for report in reports):
            own = [report for report in reports if report["replicate"] == replicate]
            path = history_path(self.folder, spec.config.digest(), replicate)
            if not path.is_file():  # a replicate that ended before has written its own
                write_atomically(path, f"[{', '.join(report['history'] for report in own)}]")
            seed = spec.config.seed(spec.root_seed, replicate)
            ended = {"status": "pruned", "reason": reason, "steps": own[-1]["step"], "seconds": own[-1]["seconds"]}
            rows.append({"replicate": replicate, "seed": seed, **ended})
        steps, seconds = (sum(row[key] for row in rows) for key in ("steps", "seconds"))
        return Outcome.pruned(reason, steps=steps, seconds=seconds, replicates=tuple(rows), **spec.described())

    def clear(self, spec: TrialSpec) -> None:
        """The trial has been told: nobody will continue it."""
        self.reports.pop(spec.number, None)
        for replicate in range(spec.first_replicate, spec.first_replicate + spec.replicates):
            checkpoint_path(self.folder, spec.config.digest(), replicate).unlink(missing_ok=True)
