"""How much of a value is the seed: every trained seed as a point, and the parts of the variance.

The objective explains about a third of the variance of disentanglement scores and the seed much of the rest (Locatello et al.
2019, §5.4), so one seed says little; where a study trained only one, these figures say so instead of drawing it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, legend_outside, say_empty
from analysis.tables.names import axis_label, looks, metric_name
from analysis.tables.statistics import variance_components
from study.records.intervals import LEAST_CLEAR, median_interval
from study.records.outcome import is_usable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["seed_spread", "variance_parts", "variance_table"]

ONE_SEED = "n = 1: every trial was trained with one seed, so nothing is known of the seeds' spread (--replicates 3 would tell)"
MOST = 20


def seed_spread(replicates: pd.DataFrame, metric: str = "mig", *, ax: Axes | None = None) -> Axes:
    """replicates: of `load_study`.  One place a trial of several seeds, in order of the median; at most the last 20 of them."""
    ax = current(ax)
    rows = _several(replicates, metric)
    if rows.empty:
        return say_empty(ax, ONE_SEED)
    colours, markers = looks(replicates["variant"].dropna())
    order = rows.groupby(["study", "trial"])[metric].median().sort_values().index[-MOST:]
    ink = ax.xaxis.label.get_color()
    for place, (study, trial) in enumerate(order):
        seeds = rows[(rows["study"] == study) & (rows["trial"] == trial)]
        span = median_interval(seeds[metric].to_numpy(dtype=float))
        variant = seeds["variant"].iloc[0]
        label = variant if variant not in ax.get_legend_handles_labels()[1] else None
        ax.scatter([place] * len(seeds), seeds[metric], s=26, color=colours[variant], marker=markers[variant], label=label)
        ax.plot([place + 0.25] * 2, [span.low, span.high], color=ink, lw=2, alpha=0.7, solid_capstyle="butt")
        ax.plot(place + 0.25, span.median, "_", color=ink, ms=8, mew=2)
    several = replicates["study"].nunique() > 1
    names = [f"{study} {trial}" if several else str(trial) for study, trial in order]
    ax.set_xticks(range(len(order)), names, fontsize=8, rotation=45 if several else 0)
    ax.set_xlabel(f"trial, by median (bar: its 95 % interval; of fewer than {LEAST_CLEAR} seeds their range)")
    ax.set_ylabel(axis_label(metric))
    legend_outside(ax)
    return ax


def variance_table(replicates: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Columns part, share: the variance of a metric over trained models, split into objective, its other knobs, and the seed.

    Shares are variance components (`analysis.tables.statistics`).  Empty unless at least two trials of one kind have several
    seeds, or where the metric does not vary.
    """
    rows = _several(replicates, metric)
    if rows.empty or rows[metric].nunique() < 2:
        return pd.DataFrame(columns=["part", "share"])
    shares = variance_components(rows, metric, "variant", ["study", "trial"])
    table = pd.DataFrame({"part": ["kind of objective", "its other knobs", "seed"], "share": list(shares.values())})
    return table.dropna()


def variance_parts(replicates: pd.DataFrame, metrics: list[str], *, ax: Axes | None = None) -> Axes:
    """One bar a metric, 100 % long, divided by `variance_table`."""
    ax = current(ax)
    tables = {metric: variance_table(replicates, metric) for metric in metrics}
    there = {metric: table for metric, table in tables.items() if not table.empty}
    if not there:
        return say_empty(ax, ONE_SEED)
    for place, table in enumerate(there.values()):
        left = 0.0
        for index, part in enumerate(table.to_dict("records")):
            share = 100 * float(part["share"])
            ax.barh(place, share, left=left, color=f"C{index}", alpha=0.85, label=part["part"] if place == 0 else None)
            left += share
    ax.set_yticks(range(len(there)), [metric_name(metric) for metric in there])
    ax.invert_yaxis()
    ax.set_xlabel("share of the variance over trained models (%)")
    legend_outside(ax)
    return ax


def _several(replicates: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Usable seeds of the trials that have at least two."""
    if metric not in replicates.columns or replicates.empty:
        return replicates[:0]
    rows = replicates[replicates["status"].map(is_usable)].dropna(subset=[metric])
    return rows[rows.groupby(["study", "trial"])[metric].transform("size") > 1]
