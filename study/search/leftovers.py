"""What a trial leaves: results to bring here before it is told, the history of one that was stopped, checkpoints to remove.

A worker that ends its trial writes its history itself.  One that the scheduler stops is not asked; the driver has its reports.
Checkpoints stay until the journal knows how their trial ended: until then, a retry may need them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from models.files import write_atomically
from study.records.folder import checkpoint_path, history_path, model_path
from study.records.live import live_path
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome, outcome_of
from study.search.trial import TrialSpec, log_path

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["Leftovers"]


class Leftovers:
    """Reports of the running trials, by number; `history` of each is the row that its history has, as JSON."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror, self.folder = mirror, mirror.local
        self.reports: dict[int, list[dict[str, Any]]] = {}

    def keep(self, spec: TrialSpec, report: dict[str, Any]) -> None:
        """One report of a running trial."""
        self.reports.setdefault(spec.number, []).append(report)

    def gather(self, spec: TrialSpec, outcome: Outcome) -> None:
        """Bring here what the trial's worker has stored: its models and histories, and what can be looked at.

        Raises `AwayError` when the store does not give them; then the trial must not be told: tables would lack them for ever.
        """
        if self.mirror.url is None:
            return
        for row in outcome.replicates:
            needed = [history_path] if row["status"] in ("diverged", "pruned") else [history_path, model_path]
            for path in (of(self.folder, spec.config.digest(), row["replicate"]) for of in needed):
                if not self.mirror.pull(path):
                    raise AwayError(f"the store at {self.mirror.url} lacks {path.name}, which a worker has put there")
        for path in (log_path(spec), live_path(self.folder, spec.number)):
            self.mirror.pull(path)

    def pruned(self, spec: TrialSpec, reason: str) -> Outcome:
        """The outcome of a trial that the scheduler stopped; its histories are written."""
        rows = []
        reports = self.reports.get(spec.number, [])
        for replicate in dict.fromkeys(report["replicate"] for report in reports):
            own = [report for report in reports if report["replicate"] == replicate]
            path = history_path(self.folder, spec.config.digest(), replicate)
            if not self.mirror.pull(path):  # a replicate that ended before has written its own
                write_atomically(path, f"[{', '.join(report['history'] for report in own)}]")
                self.mirror.push(path)
            seed = spec.config.seed(spec.root_seed, replicate)
            ended = {"status": "pruned", "reason": reason, "steps": own[-1]["step"], "seconds": own[-1]["seconds"]}
            rows.append({"replicate": replicate, "seed": seed, **ended})
        steps, seconds = (sum(row[key] for row in rows) for key in ("steps", "seconds"))
        return Outcome.pruned(reason, steps=steps, seconds=seconds, replicates=tuple(rows), **spec.described())

    def clear(self, spec: TrialSpec) -> None:
        """The trial has been told: nobody will continue it."""
        self.reports.pop(spec.number, None)
        for replicate in range(spec.first_replicate, spec.first_replicate + spec.replicates):
            self.mirror.delete(checkpoint_path(self.folder, spec.config.digest(), replicate))

    def sweep(self, trials: Iterable[FrozenTrial]) -> None:
        """Nothing runs: remove checkpoints of trials that were told, whose driver died before it had removed them."""
        ended = {outcome.config_digest[:16] for outcome in map(outcome_of, trials) if outcome and outcome.config_digest}
        here = set((self.folder / "checkpoints").glob("*.ckpt"))
        for path in here | {path for path in self.mirror.there() if path.parent.name == "checkpoints"}:
            if path.name.rpartition("-")[0] in ended:
                self.mirror.delete(path)
