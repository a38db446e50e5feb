"""One trial as Ray Tune runs it, in a process of its own.

A module apart from the search that it is part of: every trial's process imports it anew, and
needs neither Optuna nor the journal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import traceback
from typing import Any

from ray import tune

from study.records.mirror import AwayError
from study.records.outcome import Outcome
from study.search.events import trial_name
from study.search.trial import TrialSpec, leave, log_path, run_trial

__all__ = ["AWAY", "TrialActor"]

AWAY = "away"  # in a last result: why a worker gave its trial back, which waits until the store answers or the disk has room
FULL = (errno.ENOSPC, errno.EDQUOT)


class TrialActor(tune.Trainable):
    """One trial in a worker process of its own; `step` trains until the next report.

    `config` holds the `TrialSpec` as JSON, and whether the process is shared by many trials (`reused`).
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """What the trial's specification asks for."""
        spec = TrialSpec.model_validate_json(config["spec"])
        return tune.PlacementGroupFactory([{"CPU": spec.cpus, "GPU": spec.gpus}])

    def setup(self, config: dict[str, Any]) -> None:
        """A new trial."""
        self.spec = TrialSpec.model_validate_json(config["spec"]).here()
        self.reused = bool(config["reused"])
        self.reports = run_trial(self.spec)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial in the same process, where actors are reused."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next report, or how the trial ended."""
        try:
            report = next(self.reports)
        except Exception as error:
            if isinstance(error, AwayError) or getattr(error, "errno", None) in FULL:
                return {AWAY: str(error), "final": True, "done": True}
            report = self._failed(error)
        if isinstance(report, Outcome):
            return self._ended(report)
        # TensorBoard's axis: steps of this training, those of earlier seeds before it.
        earlier = (report["replicate"] - self.spec.first_replicate) * self.spec.config.training.steps
        return {**report, "final": False, "timesteps_total": earlier + report["step"], "done": False}

    def _failed(self, error: Exception) -> Outcome:
        """Whatever it is, it is this trial's result and not the study's end."""
        log = log_path(self.spec)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write("".join(traceback.format_exception(error)))
        leave(self.spec)
        return Outcome.failed(f"{type(error).__name__}: {error}", **self.spec.described())

    def _ended(self, outcome: Outcome) -> dict[str, Any]:
        """The outcome as one string: Tune flattens nested results before its searcher sees them.

        The median rule reads the step of a trial's last result; one beyond all others is never compared with them.
        """
        steps = self.spec.config.training.steps
        ended = {"final": True, "done": True, "step": steps + 1, "timesteps_total": self.spec.replicates * steps}
        return {**ended, "outcome": json.dumps(outcome.record()), **outcome.values}

    def cleanup(self) -> None:
        """It is over, perhaps because a scheduler said so: nothing stays on a node that only lends its disk."""
        with contextlib.suppress(AwayError):  # of a stopped trial only the log is left to store
            leave(self.spec, patience=0)

    def __repr__(self) -> str:
        """What the Ray dashboard calls this actor, for as long as it lives."""
        return trial_name(self.spec.number) if hasattr(self, "spec") and not self.reused else "trials"
