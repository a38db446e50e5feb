"""What can be watched of a trial while it runs, and looked back at later: one small file a trial, `live/trial-007.json`.

The worker that trains writes it anew at every report, whole and at once, so whoever reads it finds a trial as it was some seconds
ago; it needs neither Ray nor the driver, and stays when both are gone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from models.config import Config
from models.files import write_atomically

__all__ = ["LiveTrial", "live_path", "read_live", "write_live"]


class LiveTrial(Config):
    """One trial of a study, as of `written` (seconds since 1970).

    knobs       what a person tells it apart by
    status      "running", or how it ended
    reports     rows of the training curve (`study.training.report.Report.row`) of the replicate that is being trained
    originals   six fixed validation pictures side by side, WebP in base64
    pictures    what the model makes of them, one strip a report
    values      its metrics, when it has ended
    """

    number: int
    knobs: str
    digest: str
    replicate: int = 0
    replicates: int
    steps: int
    status: str = "running"
    reason: str = ""
    written: float = Field(default_factory=time.time)
    reports: tuple[dict[str, Any], ...] = ()
    originals: str = ""
    pictures: tuple[str, ...] = ()
    values: dict[str, float] = Field(default_factory=dict)


def live_path(folder: Path, number: int) -> Path:
    """Of one trial in a study's folder."""
    return folder / "live" / f"trial-{number:03d}.json"


def write_live(folder: Path, trial: LiveTrial) -> None:
    """Replace the trial's file."""
    path = live_path(folder, trial.number)
    write_atomically(path, trial.model_dump_json(exclude_defaults=True))


def read_live(path: Path) -> LiveTrial | None:
    """The trial in this file; None where it is gone, or of another version."""
    try:
        return LiveTrial.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
