"""How the area that the trials dominate grows over the search: does it still find something?

The reference is the worst usable value of each metric (`analysis.tables.hypervolume`), and the curve is a share of its last
value, so only its shape has a meaning.  A setting (data and budget) has its own curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figures.style import current, legend_outside, say_empty
from analysis.tables.hypervolume import hypervolume_over_trials, worst_point
from analysis.tables.load import directions_of, groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["hypervolume_curve", "hypervolume_table"]


def hypervolume_curve(trials: pd.DataFrame, x: str = "recon", y: str = "mig", *, ax: Axes | None = None) -> Axes:
    """trials: of `load_study`, in the order they were started."""
    ax = current(ax)
    table = hypervolume_table(trials, x, y)
    if table.empty or not table["share"].notna().any():
        return say_empty(ax, "a hypervolume needs two usable trials that differ")
    several = table["setting"].nunique() > 1
    for setting, rows in groups(table, "setting"):
        ax.step(rows["count"], 100 * rows["share"], where="post", label=setting if several else None)
    ax.set_xlabel("usable trials, in the order they were started")
    ax.set_ylabel("hypervolume (% of the last)")
    ax.set_ylim(0, 105)
    legend_outside(ax)
    return ax


def hypervolume_table(trials: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """One row a usable trial: setting, trial, count (1, 2, …), hypervolume (unit of x times unit of y), share of the last."""
    tables = []
    directions = directions_of([x, y])
    usable = trials[trials["usable"]].dropna(subset=[x, y])
    for _, rows in groups(usable, "setting"):
        values = rows[[x, y]].to_numpy(dtype=float)
        volumes = hypervolume_over_trials(values, directions, worst_point(values, directions))
        last = volumes[-1] if volumes[-1] > 0 else np.nan
        found = rows[["setting", "trial"]].assign(count=range(1, len(rows) + 1), hypervolume=volumes, share=volumes / last)
        tables.append(found)
    columns = ["setting", "trial", "count", "hypervolume", "share"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
