"""What a recipe file declares: one experiment of a source, from data to figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.config import TrialConfig

__all__ = ["Recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One experiment.

    purpose      one line
    source       the text it comes from
    settings     the fields of a `TrialConfig`; the number of steps follows from `epochs`
    epochs       the published length
    fast_steps   the length of `--fast`
    image_shape  (C, H, W) of the data set: what a stand-in is resized to
    figures      names of `study.reproduction.gallery.FIGURES`, in the order of the contact sheet
    morphs       pairs of labels between which pictures are morphed
    reported     the source's numbers, {what: value}; `epoch N` is the average training loss of that epoch, nats per image
    trainer      "numpy": trained by `models.numpy_vae` instead of torch
    start        {space: point}: this experiment as a first trial of a search, where a space has its knobs
    """

    purpose: str
    source: str
    settings: Mapping[str, Any]
    epochs: int
    fast_steps: int
    image_shape: tuple[int, int, int]
    figures: tuple[str, ...]
    morphs: tuple[tuple[int, int], ...] = ()
    reported: Mapping[str, float] = field(default_factory=dict)
    trainer: Literal["torch", "numpy"] = "torch"
    start: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.settings["dataset"])

    def config(self, steps: int, **changed: Any) -> TrialConfig:
        """The validated configuration of a run of so many steps.  `changed` replaces whole fields (the data set)."""
        settings = {**self.settings, **changed}
        return TrialConfig.parse({**settings, "training": {**settings.get("training", {}), "steps": steps}})
