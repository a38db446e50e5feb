"""Networks that others have trained and published: one file a publication, which says how its weights become ours.

A file defines one `MAP`, a `WeightMap`: where the weights come from, which of theirs is which of ours, and for each model what it
was trained for and what it must reach.  Weights are never part of this project: whoever wants them gets them from their source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.plugins import Plugins

__all__ = ["WEIGHT_MAPS", "PublishedModel", "WeightMap", "load_map"]

WEIGHT_MAPS = Plugins("study.weight_maps", kind="weight map")


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """sha256: of the weights' file, by which it is recognised.  config: fields of its `TrialConfig` beside the map's.

    recon, kl: nats per image that were measured on the map's data; an adopted model must reach them.
    """

    title: str
    sha256: str
    config: Mapping[str, Any]
    recon: float
    kl: float


@dataclass(frozen=True, kw_only=True)
class WeightMap:
    """source: citation and where the weights are.  seed: that they were trained with.

    config       the fields of a `TrialConfig` that all models share
    keys         their layer → ours; each has a `weight` and a `bias`
    interleaved  our layers whose rows alternate there, mu₀ logvar₀ mu₁ …, where ours are all of mu, then all of logvar
    """

    source: str
    licence: str
    seed: int
    config: Mapping[str, Any]
    keys: Mapping[str, str]
    interleaved: tuple[str, ...] = ()
    models: Mapping[str, PublishedModel] = field(default_factory=dict)


def load_map(name: str) -> WeightMap:
    """The map of that name.  Raises `UserError` that lists the choices when there is none."""
    found: WeightMap = WEIGHT_MAPS.load(name).MAP
    return found
