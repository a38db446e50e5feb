"""Several views, one ranking: how far each is trusted is read from the folder itself.

    b(x) = Σᵥ wᵥ zᵥ(x)                      z: robust z of the log distance;  w: trust, with Σ w ≤ 1
    value(x) = b(x) + ½ Σᵥ wᵥ b̄ᵥ(x) + ½ max(0, zₛ(x) − 4)    b̄ᵥ: mean b of the 2 nearest of view v;  s: speaks when sure
    calm(x)  = b(x) + max(0, zₛ(x) − cₛ)                     what an alarm for one picture is judged by
    group(x) = ⅓ u(x) + ⅔ Σᵥ hᵥ ūᵥ(x)                        what an alarm for a group is judged by
               u = min(2, (g − g₅₀) / (g₉₀ − g₅₀)),  g = Σᵥ hᵥ zᵥ,  hᵥ = wᵥ / (wᵥ + .1), divided by their sum

    the second term   a picture that is far out in the company of others that are far out: a small group of odd ones, rather
                      than the one ordinary picture that was drawn badly

How far each view is trusted: `study.views._trust`; weights are trusts, divided by their sum where that is above 1.  What was
tried and lost: see `analysis/results`.

For a group all views that are trusted at all have about the same say, h, and a picture is at most 2 far out: a group is
several pictures that are odd in several ways, not one that is very odd in one, with two ordinary ones beside it.
Where no view has learnt elsewhere what pictures show, it takes 1.12 times as much: pixels and outlines err together.

Views that speak when sure (plain statistics) are silent for four robust standard deviations.  Alarms for one picture are judged
without company, because pairs of far pictures are common in large clean folders, and hear such a view only beyond cₛ, what
the largest of n seldom exceeds by the folder's own upper half (`study.views._alarm`), at least 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.errors import UserError
from models.outlier_scores import Floats, Rows
from study.views._alarm import beyond
from study.views._contract import VIEWS, Look, Seen, needed
from study.views._trust import trusts

__all__ = ["Fused", "fuse"]

HEARD, SURE = 4.0, 4.0
HEAVIER = 2.2
"""The tail of plain statistics among clean photographs: at n = 500 the largest is 2.8 × the Gaussian reach in 4 % of folders."""

NEAR = -2.0
"""A picture nearer than that to the others is no less odd for it: blurred pictures are near everything in pixels."""

COMPANY = 2
LITTLE = 0.1
"""Trust at which a view has half a say about groups."""

FARTHEST = 2.0
"""Of one picture in a group's alarm, in units of the folder's upper half (its median is 0, its 90th percentile 1)."""

UNLEARNT = 1.12
"""What a group must be farther out where all views look at grey levels alone: they err together."""

LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class Fused:
    """values (n,): higher = odder.  calm, group (n,): what alarms are judged by.  z: by view, (n,).  trust: by view, 0 … 1, of
    those that always speak.  loudest: for each picture the view that contributes most to its value."""

    values: Floats
    calm: Floats
    group: Floats
    z: dict[str, Floats]
    trust: dict[str, float]
    loudest: list[str]


def fuse(seen: Seen, looks: Mapping[str, Look], context: Rows | None = None) -> Fused:
    """The views' looks at the same pictures as one.  Raises `UserError` without a view that always speaks."""
    rows = np.arange(len(seen)) if context is None else context
    z, logs, share = {}, {}, {}
    certain = np.zeros(len(seen))
    for name, look in looks.items():
        if VIEWS.load(name).SPEAKS == "always":
            logs[name] = np.log(np.maximum(look.distances, 1e-9))
            z[name] = np.maximum(_robust_z(logs[name], rows), NEAR)
        else:
            z[name] = look.distances
            share[name] = np.maximum(0, look.distances - HEARD) / 2
            certain = certain + np.maximum(0, look.distances - max(SURE, beyond(look.distances[rows], HEAVIER)))
    trust = trusts(logs, looks, seen.plain, rows)
    if not trust:
        raise UserError(f"at least one view must always speak, but {', '.join(looks) or 'none'} is silent until it is sure")
    weights = {name: value / max(1, sum(trust.values())) for name, value in trust.items()}
    base = np.sum([weights[name] * z[name] for name in weights], axis=0)
    company = {name: _of_nearest(base, looks[name]) for name in weights}
    for name, weight in weights.items():
        share[name] = weight * (z[name] + company[name] / 2)
    names = list(share)
    stacked = np.stack([share[name] for name in names])
    loudest = [names[first] for first in stacked.argmax(axis=0)]
    return Fused(stacked.sum(axis=0), base + certain, _group(z, looks, trust, rows), z, trust, loudest)


def _group(z: Mapping[str, Floats], looks: Mapping[str, Look], trust: Mapping[str, float], context: Rows) -> Floats:
    """What an alarm for a group is judged by, (n,)."""
    heard = {name: value / (value + LITTLE) for name, value in trust.items()}
    says = {name: value / sum(heard.values()) for name, value in heard.items()}
    base = np.sum([says[name] * z[name] for name in says], axis=0)
    place = np.minimum(FARTHEST, _place(base, base[context]))
    company = np.sum([says[name] * _of_nearest(place, looks[name]) for name in says], axis=0)
    learnt = any(needed(name) != "images" for name in says)
    return np.asarray((place + 2 * company) / (3 if learnt else 3 * UNLEARNT))


def _of_nearest(values: Floats, look: Look) -> Floats:
    """Mean of the 2 nearest pictures; a picture's own where the view has no neighbours."""
    return values if look.nearest is None else np.asarray(values[look.nearest[:, :COMPANY]].mean(axis=1))


def _place(values: Floats, context: Floats) -> Floats:
    """Where values lie in the upper half of the context: its median is 0, its 90th percentile 1."""
    middle, upper = np.quantile(context, (0.5, 0.9))
    return np.asarray((values - middle) / max(float(upper - middle), LEAST_SCALE))


def _robust_z(values: Floats, context: Rows) -> Floats:
    centre = np.median(values[context])
    scale = 1.4826 * np.median(np.abs(values[context] - centre))
    return np.asarray((values - centre) / max(float(scale), LEAST_SCALE))
