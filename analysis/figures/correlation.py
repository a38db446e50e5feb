"""Do the metrics agree?  Spearman's rank correlation over trials, every metric turned so that higher is better.

A negative number is a trade-off: trials that gain in one lose in the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, say_empty
from analysis.tables.load import directions_of
from analysis.tables.names import metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["correlation", "rank_correlations"]

LEAST = 5  # trials; below that any order of two metrics is likely by chance


def rank_correlations(trials: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Spearman's ρ of every pair of metrics over usable trials on the same terms, NaN where one does not vary or n < 5.

    Raises `ValueError` where trials of several settings are mixed: their differences would be taken for agreement.
    """
    usable = trials[trials["usable"]]
    if usable["terms"].nunique() > 1:
        raise ValueError("rank correlations need trials on the same terms (data and budget)")
    signs = [-1 if direction == "minimize" else 1 for direction in directions_of(metrics)]
    return (usable[metrics] * signs).corr(method="spearman", min_periods=LEAST)


def correlation(table: pd.DataFrame, n: int, *, ax: Axes | None = None) -> Axes:
    """table: of `rank_correlations`; n: number of trials behind it."""
    import seaborn as sns

    ax = current(ax)
    shown = table.dropna(how="all").dropna(how="all", axis=1)
    if len(shown) < 2:
        return say_empty(ax, f"rank correlations need {LEAST} usable trials and two metrics that vary")
    names = [metric_name(key) for key in shown.index]
    sns.heatmap(
        shown, vmin=-1, vmax=1, cmap="vlag", annot=True, fmt=".2f", square=True, linewidths=1, ax=ax,
        xticklabels=names, yticklabels=names, cbar_kws={"label": "Spearman's ρ, higher = better for all", "shrink": 0.8},
    )  # fmt: skip
    ax.tick_params(length=0)
    ax.set_xticklabels(names, rotation=35, ha="right")
    ax.set_title(f"n = {n} trials", fontsize=9, fontweight="normal")
    return ax
