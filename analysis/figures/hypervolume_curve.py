"""How the area that the trials dominate grows over the search: does it still find something?

The reference is fixed (`analysis.tables.hypervolume`), so that curves of several studies compare; where it cannot be, the curve
is a share of its last value, and only its shape has a meaning.  Trials on other terms (data and budget) have their own curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figures.style import current, legend_outside, say_empty
from analysis.tables.hypervolume import hypervolume_over_trials, reference_point
from analysis.tables.load import directions_of, groups
from analysis.tables.names import metric_name, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["hypervolume_curve", "hypervolume_table"]


def hypervolume_curve(trials: pd.DataFrame, x: str = "recon", y: str = "mig", *, ax: Axes | None = None) -> Axes:
    """trials: of `load_study`, in the order they were started."""
    ax = current(ax)
    table = hypervolume_table(trials, x, y)
    if len(table) < 2 or not table["share"].notna().any():
        return say_empty(ax, "a hypervolume needs two usable trials that differ")
    several = table["terms"].nunique() > 1
    fixed = bool(table["fixed"].all())
    for terms, rows in groups(table, "terms"):
        shown = rows["hypervolume"] if fixed else 100 * rows["share"]
        ax.step(rows["count"], shown, where="post", label=terms if several else None)
    ax.set_xlabel("usable trials, in the order they were started")
    first = table.iloc[0]
    told = f"hypervolume of {metric_name(x)} × {metric_name(y)}\nfrom ({number(first['from_x'])}, {number(first['from_y'])})"
    ax.set_ylabel(told if fixed else "hypervolume (% of the last)")
    ax.set_ylim(bottom=0)
    legend_outside(ax)
    return ax


def hypervolume_table(trials: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """One row a usable trial: terms, trial, count (1, 2, …), hypervolume (unit of x times unit of y), share of the last;
    the reference, `from_x` and `from_y`, and whether it is `fixed` and so compares with other studies'."""
    tables = []
    directions = directions_of([x, y])
    usable = trials[trials["usable"]].dropna(subset=[x, y])
    for _, rows in groups(usable, "terms"):
        values = rows[[x, y]].to_numpy(dtype=float)
        dataset = str(rows["dataset"].iloc[0]) if "dataset" in rows else None
        reference, fixed = reference_point(values, (x, y), dataset)
        volumes = hypervolume_over_trials(values, directions, reference)
        last = volumes[-1] if volumes[-1] > 0 else np.nan
        found = rows[["terms", "trial"]].assign(count=range(1, len(rows) + 1), hypervolume=volumes, share=volumes / last)
        found = found.assign(from_x=reference[0], from_y=reference[1], fixed=fixed)
        tables.append(found)
    columns = ["terms", "trial", "count", "hypervolume", "share", "from_x", "from_y", "fixed"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
