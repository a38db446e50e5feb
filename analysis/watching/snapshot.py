"""A study as it is now, from the files in its folder alone: no Ray, no driver, no journal; so it also works when they are gone.

What has ended comes from `trials.parquet`, which the driver rewrites now and then; what runs, and what ended since, from the
workers' own files (`study.records.live`).  Each file is read again only when it has changed.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from study.records.folder import StudyFolder
from study.records.live import LiveTrial, read_live
from study.records.outcome import ENDED, SAYS_NOTHING, is_usable
from study.records.pareto import pareto_front
from study.records.tables import read_table

__all__ = ["Snapshots", "warnings_of"]

Value = TypeVar("Value")
LATE = 0.3  # of a run: before that a code may still say nothing
KNOWN = ("status", "reason", "values", "share", "seconds")
NOTHING: dict[str, Any] = {"step": 0, "steps": 0, "age": None, "curves": {}, "picture": "", "originals": "", "warnings": []}
"""Of a trial without a film."""
LOOK = "validation_"  # begins the names of metrics in mid-training, from few pictures
SILENT = 120.0  # seconds without a report, at least


class Snapshots:
    """Of one study, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[Path, tuple[tuple[int, int], Any]] = {}

    def state(self) -> dict[str, Any]:
        """Everything the page shows but the films.  Raises `UserError` when the folder is no study any more."""
        folder = StudyFolder(self.path)
        record = folder.record
        rows = self._live(record.metrics)
        for number, row in self._ended(folder).items():  # what the driver knows is so, whatever its worker wrote last
            known = {key: row[key] for key in KNOWN} if row["status"] in ENDED else {}
            rows[number] = row | rows.get(number, {}) | known
        running = [row for row in rows.values() if row["status"] == "running"]
        done = sum(row["status"] in ENDED for row in rows.values())
        driver = driver_of(folder.path, finished=done >= record.trials)
        if driver not in ("running", "elsewhere"):  # who is not driven any more is not running either
            for row in running:
                row["status"] = "interrupted"
        front = self._front(rows, record.metrics, record.directions)
        return {
            "name": record.name,
            "space": record.space,
            "metrics": list(record.metrics),
            "directions": list(record.directions),
            "data": f"{record.dataset['name']} ({record.dataset['source']})",
            "budget": f"{record.budget_name}, {record.budget.steps:,} steps",
            "trials": record.trials,
            "done": done,
            "driver": driver,
            "resume": f"python -m study.run --resume {shlex.quote(str(folder.path))}",
            "report": f"python -m analysis.report {shlex.quote(str(folder.path))}",
            "left": _left(rows, record.trials),
            "since": time.time() - datetime.fromisoformat(record.started).timestamp(),
            "front": front,
            "rows": sorted(rows.values(), key=lambda row: row["trial"]),
        }

    def trial(self, number: int) -> LiveTrial | None:
        """One trial with its film, where it has one."""
        return read_live(self.path / "live" / f"trial-{number:03d}.json")

    def _ended(self, folder: StudyFolder) -> dict[int, dict[str, Any]]:
        file = folder.path / "trials.parquet"
        if not file.is_file():
            return {}
        table = self._fresh(file, lambda: read_table(folder, "trials"))
        return {int(row["trial"]): _ended_row(row, folder.record.metrics) for row in table.to_dict("records")}

    def _live(self, metrics: tuple[str, ...]) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        for file in sorted((self.path / "live").glob("trial-*.json")):
            trial = self._fresh(file, lambda file=file: read_live(file))  # type: ignore[misc]
            if trial is not None:
                found[trial.number] = _live_row(trial, metrics)
        return found

    def _front(self, rows: dict[int, dict[str, Any]], metrics: tuple[str, ...], directions: tuple[str, ...]) -> list[int]:
        usable = [row for row in rows.values() if is_usable(row["status"]) and all(m in row["values"] for m in metrics)]
        if not usable:
            return []
        chosen = pareto_front([[row["values"][metric] for metric in metrics] for row in usable], directions)
        return [usable[index]["trial"] for index in chosen]

    def _fresh(self, file: Path, read: Callable[[], Value]) -> Value:
        try:
            status = file.stat()
        except FileNotFoundError:
            return read()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._kept.get(file, (None,))[0] != stamp:
            self._kept[file] = (stamp, read())
        return self._kept[file][1]  # type: ignore[no-any-return]


def warnings_of(trial: LiveTrial, now: float) -> list[str]:
    """What is worth looking at while it still runs."""
    if not trial.reports:
        return []
    last, found = trial.reports[-1], []
    if not all(isinstance(last.get(key), float) and math.isfinite(last[key]) for key in ("recon", "kl")):
        found.append("the loss is no number")
    elif last["progress"] >= LATE and last["kl"] < SAYS_NOTHING:
        found.append(f"KL {last['kl']:.2g} nats at {last['progress']:.0%}: the code says nothing")
    pace = last["seconds"] / len(trial.reports)
    if now - trial.written > max(SILENT, 5 * pace):
        found.append(f"silent for {(now - trial.written) / 60:.0f} min")
    return found


def driver_of(folder: Path, *, finished: bool) -> str:
    """running, finished, stopped (by somebody, and can be resumed), gone (killed), or elsewhere (another machine's)."""
    try:
        process, _, host = (folder / "owner.txt").read_text().strip().removeprefix("process ").partition(" on ")
    except FileNotFoundError:
        return "finished" if finished else "stopped"
    if host != socket.gethostname():
        return "elsewhere"
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return "gone"
    except PermissionError:
        return "running"
    return "running"


def _ended_row(row: dict[Any, Any], metrics: tuple[str, ...]) -> dict[str, Any]:
    kept = [*metrics, *(key for key in ("recon", "kl", "mig") if key not in metrics)]
    values = {key: float(row[key]) for key in kept if key in row and pd.notna(row[key])}
    return {
        "trial": int(row["trial"]),
        "status": str(row["status"]),
        "reason": str(row["reason"]) if pd.notna(row.get("reason")) else "",
        "values": values,
        "knobs": _knobs(_json(row.get("config"))),
        "share": 1.0 if row["status"] in ENDED else 0.0,
        "seconds": float(row["seconds"]) if pd.notna(row.get("seconds")) else None,
        **NOTHING,
    }


def _live_row(trial: LiveTrial, metrics: tuple[str, ...]) -> dict[str, Any]:
    last = trial.reports[-1] if trial.reports else {}
    looks = [row for row in trial.reports if any(LOOK + metric in row for metric in metrics)]
    ended = trial.status != "running"
    so_far = {
        key.removeprefix("validation_"): value for row in looks for key, value in row.items() if key.startswith("validation_")
    }
    return {
        "trial": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "values": trial.values if ended else {key: value for key, value in so_far.items() if value is not None},
        "knobs": trial.knobs,
        "share": 1.0 if ended else (trial.replicate % trial.replicates + last.get("progress", 0.0)) / trial.replicates,
        "seconds": last.get("seconds"),
        "step": last.get("step", 0),
        "steps": trial.steps,
        "written": trial.written,
        "age": time.time() - trial.written,
        "curves": {key: [row.get(key) for row in trial.reports] for key in ("recon", "kl", "capacity") if key in last},
        "picture": trial.pictures[-1] if trial.pictures else "",
        "originals": trial.originals,
        "warnings": [] if ended else warnings_of(trial, time.time()),
    }


def _left(rows: dict[int, dict[str, Any]], trials: int) -> float | None:
    """Seconds: trials to go, at the mean of those that ended, by as many as run at once."""
    times = [row["seconds"] for row in rows.values() if row["status"] != "running" and row["seconds"]]
    running = sum(row["status"] == "running" for row in rows.values())
    if not times or not running:
        return None
    to_go = trials - sum(row["share"] for row in rows.values())
    return max(0.0, float(to_go * sum(times) / len(times) / running))


def _knobs(config: dict[str, Any]) -> str:
    """Of a trial without a film: all options of its objective, then network, latents, learning rate."""
    if not config:
        return ""
    options = " ".join(f"{key}={_short(value)}" for key, value in config["objective_options"].items())
    rate = config["training"]["learning_rate"]
    return f"{config['objective']} {options} · {config['architecture']}, {config['latent_dim']} latents, rate {rate:.2g}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _json(text: object) -> dict[str, Any]:
    return dict(json.loads(text)) if isinstance(text, str) else {}
