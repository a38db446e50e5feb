"""What a person sees while a study runs: one quiet live screen, or plain lines where there is no terminal.

Progress, best value of every searched metric so far, size of the Pareto front, time left.  Time left is measured, not
promised: steps done by all trials against the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from optuna.trial import FrozenTrial
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from registry.console import duration
from study.records.folder import StudyRecord
from study.records.outcome import outcome_of, status_of
from study.records.pareto import pareto_front
from study.search.events import Events, trial_name

__all__ = ["Screen"]


class Screen(Events):
    """Events of a search, shown.  Use as a context manager around the search."""

    def __init__(self, record: StudyRecord, done: list[FrozenTrial], on_finished: Callable[[], None], console: Console) -> None:
        self.record = record
        self.console = console
        self.on_finished = on_finished
        self.ended = self.first = len(done)
        self.front: list[tuple[int, list[float]]] = []
        for trial in done:
            self._note(trial)
        self.running: dict[int, tuple[float, str]] = {}
        self.told: dict[int, str] = {}
        self.began = time.monotonic()
        self.live = Live(
            get_renderable=self._render,
            console=console,
            refresh_per_second=2,
            transient=True,
            redirect_stdout=False,  # `study.search.quiet` sees to what others print
            redirect_stderr=False,
        )

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def started(self, number: int, params: dict[str, Any]) -> None:
        self.running[number] = (0.0, "starting")
        self.told[number] = knobs_in_short(params)

    def progressed(self, number: int, report: dict[str, Any]) -> None:
        share = (report["replicate"] + report["progress"]) / self.record.replicates
        self.running[number] = (share, f"recon {report['recon']:.3g}  KL {report['kl']:.3g}")

    def finished(self, trial: FrozenTrial) -> None:
        self.running.pop(trial.number, None)
        self.told.pop(trial.number, None)
        self.ended += 1
        self._note(trial)
        self.on_finished()
        self.console.print(self._line(trial), highlight=False, soft_wrap=True)

    def _line(self, trial: FrozenTrial) -> str:
        outcome = outcome_of(trial)
        values = outcome.values if outcome else {}
        shown = "  ".join(f"{key} {value:.3g}" for key, value in values.items() if key in self.record.metrics)
        reason = f"  ({outcome.reason})" if outcome and outcome.reason else ""
        count = f"[{self.ended}/{self.record.trials}]"
        return f"{count} {trial_name(trial.number)} {status_of(trial)}  {shown}{reason}  · {self._left()}".replace("[", "\\[", 1)

    def _share(self) -> float:
        """Work done in trials, running ones by their share."""
        return self.ended + sum(share for share, _ in self.running.values())

    def _left(self) -> str:
        done = self._share() - self.first
        if done < 0.3:
            return "time left: measuring"
        left = (self.record.trials - self._share()) * (time.monotonic() - self.began) / done
        return f"about {duration(max(left, 0))} left"

    def _note(self, trial: FrozenTrial) -> None:
        """Keep the front so far: with it, the best of every metric is known."""
        outcome = outcome_of(trial)
        values = outcome.searched(self.record.metrics) if outcome and outcome.usable else None
        if values:
            known = [*self.front, (trial.number, values)]
            self.front = [known[index] for index in pareto_front([values for _, values in known], self.record.directions)]

    def _best(self) -> str:
        if not self.front:
            return "no trial finished yet"
        parts = []
        for index, (metric, direction) in enumerate(zip(self.record.metrics, self.record.directions, strict=True)):
            choose = max if direction == "maximize" else min
            number, values = choose(self.front, key=lambda known: known[1][index])
            parts.append(f"best {metric} {values[index]:.3g} (trial {number})")
        return "  ".join(parts) + (f"  Pareto front {len(self.front)}" if len(self.record.metrics) > 1 else "")

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for number, (share, text) in sorted(self.running.items()):
            told = Text(self.told.get(number, ""), overflow="ellipsis", no_wrap=True)
            table.add_row(trial_name(number), told, ProgressBar(total=1.0, completed=share, width=12), text)
        head = Text(f"{self.record.name}: {self.ended} of {self.record.trials} trials · {self._left()}", style="bold")
        return Group(head, Text(self._best()), table, Text("search → publish → tables", style="dim"))


def knobs_in_short(params: dict[str, Any]) -> str:
    """What was proposed, words first: `capacity none broadcast gamma_max=30 capacity_max=20`.

    >>> knobs_in_short({"objective": "beta_vae", "beta_vae/beta": 8.0, "architecture": "cnn", "learning_rate": 0.00123})
    'beta_vae cnn beta=8 learning_rate=0.00123'
    """
    words = [value for value in params.values() if isinstance(value, str)]
    numbers = [f"{name.rpartition('/')[2]}={value:.3g}" for name, value in params.items() if isinstance(value, int | float)]
    return " ".join([*words, *numbers])
