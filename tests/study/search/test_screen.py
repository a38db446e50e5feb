"""What a person sees while a study runs, on a recorded console."""

from __future__ import annotations

import io

import optuna
import pytest
from rich.console import Console

from registry.console import duration
from study.search.screen import Screen
from tests.study.search.test_search import record


def finished(number: int, status: str, recon: float, mig: float) -> optuna.trial.FrozenTrial:
    trial = optuna.trial.create_trial(
        values=[recon, mig], user_attrs={"outcome": {"status": status, "reason": "", "values": {"recon": recon, "mig": mig}}}
    )
    trial.number = number
    return trial


def screen(terminal: bool = False) -> tuple[Screen, io.StringIO, list[int]]:
    out, calls = io.StringIO(), []
    console = Console(file=out, width=120, force_terminal=terminal, highlight=False)
    return Screen(record(trials=4), [], lambda: calls.append(1), console), out, calls


def test_plain_lines_without_a_terminal() -> None:
    shown, out, calls = screen()
    with shown:
        shown.started(0, {})
        shown.progressed(0, {"replicate": 0, "progress": 0.5, "recon": 120.0, "kl": 9.0})
        shown.finished(finished(0, "complete", 100.0, 0.1))
        shown.finished(finished(1, "collapsed", 565.0, 0.0))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 == len(calls)
    assert lines[0].startswith("[1/4] trial-000 complete  recon 100  mig 0.1")
    assert lines[1].startswith("[2/4] trial-001 collapsed")
    assert "left" in lines[0]
    assert "\x1b" not in out.getvalue()


def test_the_best_counts_usable_trials_only() -> None:
    shown, _, _ = screen()
    for trial in (finished(0, "complete", 100.0, 0.1), finished(1, "complete", 90.0, 0.05), finished(2, "collapsed", 1.0, 0.9)):
        shown.finished(trial)
    assert shown._best() == "best recon 90 (trial 1)  best mig 0.1 (trial 0)  Pareto front 2"


def test_a_live_screen_shows_running_trials() -> None:
    shown, out, _ = screen(terminal=True)
    with shown:
        shown.started(3, {"objective": "capacity", "capacity/gamma_max": 5.0, "architecture": "cnn"})
        shown.progressed(3, {"replicate": 0, "progress": 0.25, "recon": 123.4, "kl": 9.9})
        shown.live.refresh()
    assert "trial-003" in out.getvalue()
    assert "capacity cnn gamma_max=5" in out.getvalue()
    assert "recon 123  KL 9.9" in out.getvalue()
    assert "search → publish → tables" in out.getvalue()
    assert "0 of 4 trials" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (150, "2 min"), (5399, "90 min"), (12_000, "3 h 20 min")]
)
def test_durations(seconds: float, text: str) -> None:
    if text == "90 min":
        text = "1 h 30 min"
    assert duration(seconds) == text
