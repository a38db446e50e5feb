"""Plain statistics: what damage changes.  The largest robust z of six numbers that describe a picture (`study.views._plain`).

z is from the median in units of the MAD (× 1.4826) of the context, at least a unit below which a difference cannot be seen.
It is silent until a picture is far out: ordinary pictures differ in all of these, and that says nothing about what they show.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores import Floats, Rows
from study.views._contract import Look, Seen
from study.views._plain import NAMES

__all__ = ["NEEDS", "SPEAKS", "TITLE", "look", "reason"]

TITLE = "plain statistics"
NEEDS = "images"
SPEAKS = "when sure"

LEAST = np.array([0.15, 0.1, 0.03, 0.02, 0.2, 0.05])
"""Smallest unit of each: 15 % and 10 %, grey levels (1 = white), bits, pixels."""

LOW = ("blurred", "flat", "dark", "pale", "empty or plain", "without even areas")
HIGH = ("noisy or very detailed", "hard", "bright", "colourful", "busy", "partly one even area")
FLOOR = 1e-3


def look(seen: Seen, context: Rows) -> Look:
    """Distances in robust standard deviations; parts: signed z of each statistic, (n, 6)."""
    values = seen.plain
    centre = np.median(values[context], axis=0)
    unit = np.maximum(1.4826 * np.median(np.abs(values[context] - centre), axis=0), LEAST)
    z = (values - centre) / unit
    return Look(np.abs(z).max(axis=1) + FLOOR, parts=np.concatenate([z, values - centre], axis=1))


def reason(seen: Seen, look: Look, row: int) -> str:
    """The statistic that is farthest out, and its value in terms of the folder's median."""
    assert look.parts is not None
    z, difference = look.parts[row, : len(NAMES)], look.parts[row, len(NAMES) :]
    first = int(np.abs(z).argmax())
    if NAMES[first] in ("sharpness", "contrast"):
        value = f"{NAMES[first]} {np.exp(difference[first]):.2g} × the median"
    else:
        value = f"{NAMES[first]} {difference[first]:+.2f} from the median"
    return f"{_cause(z, difference)}: {value}"


def _cause(z: Floats, difference: Floats) -> str:
    """What explains the others comes first: a blank picture is dark, flat and without edges, too."""
    flat = np.exp(difference[1])
    if flat < 0.06:
        return "blank"
    if flat < 0.5 and abs(difference[2]) > 0.15:
        return "dark" if difference[2] < 0 else "overexposed"
    if z[0] < -2 and difference[0] - difference[1] < np.log(0.5):
        return "blurred"
    if z[0] > 2 and difference[0] - difference[1] > np.log(1.5):
        return HIGH[0]
    first = int(np.abs(z).argmax())
    if difference[5] > 0.2 and z[5] > 3:
        first = 5
    return (LOW if z[first] < 0 else HIGH)[first]
