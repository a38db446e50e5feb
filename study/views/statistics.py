"""Plain statistics: what damage changes.  The largest robust z of six numbers that describe a picture (`study.views._plain`).

    distance = max(|z₁| … |z₆|, 2|r| − 2)      r: robust z of the sharpness that the contrast leaves unexplained

z is from the median in units of the MAD (× 1.4826) of the context, at least a unit below which a difference cannot be seen.
It is silent until a picture is far out: ordinary pictures differ in all of these, and that says nothing about what they show.

What is blurred or noisy is hardly far out in sharpness, because ordinary pictures are flat or rich in contrast.  By a linear
regression on the contrast (logarithms) it is, and what a picture shows has little to do with that: r is heard from 3 on, twice
as loud (a view that speaks when sure is heard from 4 on, `study.views._fusion`).
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
_BY_SHARPNESS = (LOW[0], HIGH[0])
FLOOR = 1e-3


def look(seen: Seen, context: Rows) -> Look:
    """Distances in robust standard deviations.

    parts: signed z of each statistic, and its difference from the median; the same of what the
    contrast leaves unexplained of the sharpness, (n, 14)."""
    values = seen.plain
    z, difference = _robust(values, context, LEAST)
    r, unexplained = _robust(_unexplained(values, context), context, LEAST[0])
    distances = np.maximum(np.abs(z).max(axis=1), _loud(r))
    return Look(distances + FLOOR, parts=np.column_stack([z, difference, r, unexplained]))


def reason(seen: Seen, look: Look, row: int) -> str:
    """The statistic that is farthest out, and its value in terms of the folder's median."""
    assert look.parts is not None
    (z, difference), (r, unexplained) = np.split(look.parts[row, :-2], 2), look.parts[row, -2:]
    cause, first = _cause(z, difference, r), int(np.abs(z).argmax())
    if cause in _BY_SHARPNESS and _loud(r) > np.abs(z).max():
        value = f"sharpness {np.exp(unexplained):.2g} × what its contrast leads to expect"
    elif NAMES[first] in ("sharpness", "contrast"):
        value = f"{NAMES[first]} {np.exp(difference[first]):.2g} × the median"
    else:
        value = f"{NAMES[first]} {difference[first]:+.2f} from the median"
    return f"{cause}: {value}"


def _loud(r: Floats) -> Floats:
    """Beyond 3 twice as loud as a statistic beyond 4."""
    return 2 * np.abs(r) - 2


def _robust(values: Floats, context: Rows, least: Floats) -> tuple[Floats, Floats]:
    """z of the columns of values, and the difference from the median."""
    difference = values - np.median(values[context], axis=0)
    unit = np.maximum(1.4826 * np.median(np.abs(difference[context]), axis=0), least)
    return difference / unit, difference


def _unexplained(values: Floats, context: Rows) -> Floats:
    """Log sharpness minus its linear regression on the log contrast, (n,)."""
    design = np.column_stack([np.ones(len(values)), values[:, 1]])
    return np.asarray(values[:, 0] - design @ np.linalg.lstsq(design[context], values[context, 0], rcond=None)[0])


def _cause(z: Floats, difference: Floats, r: Floats) -> str:
    """What explains the others comes first: a blank picture is dark, flat and without edges, too."""
    flat = np.exp(difference[1])
    if flat < 0.06:
        return "blank"
    if flat < 0.5 and abs(difference[2]) > 0.15:
        return "dark" if difference[2] < 0 else "overexposed"
    if _loud(r) > np.abs(z).max():
        return _BY_SHARPNESS[int(r > 0)]
    if z[0] < -2 and difference[0] - difference[1] < np.log(0.5):
        return "blurred"
    if z[0] > 2 and difference[0] - difference[1] > np.log(1.5):
        return HIGH[0]
    first = int(np.abs(z).argmax())
    if difference[5] > 0.2 and z[5] > 3:
        first = 5
    return (LOW if z[first] < 0 else HIGH)[first]
