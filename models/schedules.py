"""Schedules: pure functions of the fraction of the run that is done.

A schedule never counts steps by itself: it is a function of `progress` in [0, 1], so a short budget scales it, validation
cannot advance it and a resumed run continues it.  The shapes interpolate from `start` to `stop` over the window
[begin, end] and stay constant outside it:

    linear       start + (stop − start)·t
    cosine       start + (stop − start)·(1 − cos πt)/2
    exponential  start·(stop/start)^t                       (both ends positive)

with t = clip((progress − begin)/(end − begin), 0, 1).
"""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["Shape", "cyclic", "ramp"]

Shape = Literal["linear", "exponential", "cosine"]


def ramp(progress: float, start: float, stop: float, *, begin: float = 0.0, end: float = 1.0, shape: Shape = "linear") -> float:
    """Value at `progress` of a ramp from `start` to `stop` over the window [begin, end].

    >>> ramp(0.25, 0.0, 25.0, end=0.5)
    12.5
    >>> ramp(0.9, 100.0, 25.0, begin=0.4, end=0.6)
    25.0
    """
    if shape == "exponential" and min(start, stop) <= 0:
        raise ValueError(f"an exponential ramp needs start > 0 and stop > 0, but got start={start}, stop={stop}")
    t = _fraction(progress, begin, end)
    if t >= 1:
        return stop  # exactly, which the formulas only do up to rounding
    if shape == "exponential":
        return start * math.pow(stop / start, t)
    rise = t if shape == "linear" else (1 - math.cos(math.pi * t)) / 2
    return start + (stop - start) * rise


def cyclic(progress: float, low: float, high: float, *, cycles: int = 4, rise: float = 0.5) -> float:
    """Cyclic annealing (Fu et al. 2019): each of `cycles` periods rises linearly over `rise` of it, then holds `high`.

    >>> [cyclic(p, 0.0, 1.0, cycles=2) for p in (0.0, 0.125, 0.25, 0.5, 1.0)]
    [0.0, 0.5, 1.0, 0.0, 1.0]
    """
    if progress >= 1:
        return high
    position = (progress * cycles) % 1.0
    return ramp(position, low, high, end=rise)


def _fraction(progress: float, begin: float, end: float) -> float:
    if end <= begin:  # an empty window is a step at `begin`
        return float(progress >= begin)
    return min(max((progress - begin) / (end - begin), 0.0), 1.0)
