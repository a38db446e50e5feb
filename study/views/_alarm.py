"""Which pictures of a folder stand apart, judged by the folder itself, with a rate of false alarms that was measured.

    alone     a picture is farther out than the folder's own upper half suggests for the largest of n,
              v > v₅₀ + (v₉₀ − v₅₀) · z(1 − .05/n) / z(.9) · (1.3 + 10/n)
    a group   the k-th largest of h, k = 2 % of the folder and at least 2, is above 1.25 + .9/k³;  then all with h > 1 do

Ordinary pictures have a tail, too: the oddest of 200 ordinary ones is farther out than the median odd one, so that no rule
for the largest can find both.  What ordinary folders seldom have is 2 % that are far out in the company of others that are far
out: h(x) is the mean of the picture's place and that of its two nearest, twice (`study.views._fusion`).

The Gaussian extrapolation alone is wrong for real pictures, whose tails are heavier; its stretch, and the group's limits,
were chosen on clean folders.  What was measured of them: `MEASURED`, and `analysis/results`.  Half of the odd ones and no more
than 8 % false alarms are had together on all clean folders but those of ones, of which a few have a foot and are a group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from models.outlier_scores import Floats

__all__ = ["ALARM", "LIMIT", "MEASURED", "beyond", "stands_apart"]

ALARM = 0.05
"""Share of clean folders in which some picture stands apart: what is aimed at."""

MEASURED = (
    "calls up to 8% of clean folders odd, up to 13% of digits' with those of ones, where the few with a foot are a group; "
    "flags half of five odd digits among 200, a third without pretrained features, and few odd photographs (measured)"
)

GROUP, FEWEST = 0.02, 2
LIMIT = 1.25
IN_GROUP = 1.0


def stands_apart(calm: Floats, group: Floats | None = None, limit: float = LIMIT) -> NDArray[np.bool_]:
    """Which pictures stand apart, (n,): alone by `calm` (n,), or in a group by `group` (n,), where it is given."""
    if len(calm) < 3:
        return np.zeros(len(calm), dtype=bool)
    alone = calm > beyond(calm) if np.ptp(calm) > 0 else np.zeros(len(calm), dtype=bool)
    if group is None:
        return np.asarray(alone)
    k = max(FEWEST, round(GROUP * len(group)))
    together = np.sort(group)[-k] > limit + 0.9 / k**3
    return np.asarray(alone | (together & (group > IN_GROUP)))


def beyond(values: Floats, heavier: float = 1.0) -> float:
    """The value that the largest of as many ordinary ones would seldom exceed.  heavier: stretches it for a heavier tail."""
    n = len(values)
    middle, upper = np.quantile(values, (0.5, 0.9))
    return float(middle + (upper - middle) * ndtri(ALARM / n) / ndtri(0.1) * (1.3 + 10 / n) * heavier)
