"""A running trial, filmed: at every report the curve so far and six fixed validation pictures, redrawn (`study.records.live`).

Twenty reports of six pictures cost a trial about a fifth of a second and 30 kB.
"""

from __future__ import annotations

import base64
import contextlib
import io
import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.codec import TorchCodec
from models.config import OBJECTIVES
from study.config import TrialConfig
from study.datasets import Dataset
from study.records.live import LiveTrial, live_path, read_live, write_live
from study.records.mirror import AwayError, Mirror
from study.records.outcome import Outcome
from study.training.run import Run

__all__ = ["Film"]

PICTURES = 6
PUSH_SECONDS = 5.0


class Film:
    """Of one trial, in the folder of `mirror`.  A full disk or a store that is away ends the film, not the trial.

    kept: False for a confirmation, whose fresh seeds would overwrite the film that belongs to the trial's numbers.
    """

    def __init__(
        self, mirror: Mirror, number: int, config: TrialConfig, replicates: int, dataset: Dataset, *, kept: bool = True
    ) -> None:
        self.mirror, self.path, self.kept = mirror, live_path(mirror.local, number), kept
        self.pushed = -math.inf
        rows = dataset.sample("validation", PICTURES)
        self.images = dataset.images[rows]
        self.labels = dataset.labels[rows] if config.condition and dataset.labels is not None else None
        self.shown = LiveTrial(
            number=number,
            knobs=knobs_of(config),
            digest=config.digest(),
            replicates=replicates,
            steps=config.training.steps,
            originals=strip(self.images),
        )

    def begin(self, replicate: int) -> None:
        """A replicate's training begins, or goes on where it was interrupted: then its film does, too."""
        if self.kept:
            with contextlib.suppress(AwayError):
                self.mirror.pull(self.path)
        before = read_live(self.path)
        same = before is not None and (before.digest, before.replicate) == (self.shown.digest, replicate)
        reports, pictures = (before.reports, before.pictures) if before is not None and same else ((), ())
        self._show(replicate=replicate, reports=reports, pictures=pictures)

    def shoot(self, run: Run, report: dict[str, Any]) -> None:
        """One report."""
        codec = TorchCodec(run.model)
        redrawn = codec.decode(codec.encode(self.images, self.labels)[0], self.labels)
        kept = sum(row["step"] < run.step for row in self.shown.reports)  # after a kill some are told again
        drawn = strip((redrawn * 255).round().astype(np.uint8))
        self._show(reports=(*self.shown.reports[:kept], report), pictures=(*self.shown.pictures[:kept], drawn))

    def end(self, outcome: Outcome) -> None:
        """The trial has its result."""
        values = {key: value for key, value in outcome.values.items() if np.isfinite(value)}
        self._show(status=outcome.status, reason=outcome.reason, values=values)

    def _show(self, **changes: Any) -> None:
        self.shown = self.shown.model_copy(update={"written": time.time(), **changes})
        if not self.kept:
            return
        with contextlib.suppress(OSError, AwayError):
            write_live(self.mirror.local, self.shown)
            if self.shown.status != "running" or time.monotonic() - self.pushed > PUSH_SECONDS:
                self.mirror.push(self.path)
                self.pushed = time.monotonic()


def knobs_of(config: TrialConfig) -> str:
    """What a person tells trials apart by: `capacity gamma_max=30 capacity_max=20 · broadcast, 10 latents, rate 0.001`."""
    options = OBJECTIVES.load(config.objective).Config.model_validate(config.objective_options).model_dump(exclude_defaults=True)
    told = " ".join([config.objective, *(f"{key}={_short(value)}" for key, value in options.items())])
    return f"{told} · {config.architecture}, {config.latent_dim} latents, rate {config.training.learning_rate:.2g}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def strip(images: NDArray[np.uint8]) -> str:
    """Pictures (n, C, H, W) side by side, WebP in base64."""
    row = np.concatenate(list(images), axis=-1)
    pixels = row[0] if len(row) == 1 else row.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=70)
    return base64.b64encode(buffer.getvalue()).decode()
