"""γ decay against constant γ against β at equal KL: the project's own question, as two figures.

`against_kl` shows every trial: who reconstructs better (or is better disentangled) for the KL it pays.
`differences` shows the median difference of each two kinds over pairs of trials matched by KL (`analysis.tables.equal_kl`),
with intervals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, legend_outside, link, nats_scale, say_empty
from analysis.tables.load import groups
from analysis.tables.names import axis_label, find_metric, looks, metric_name
from study.records.intervals import LEAST_CLEAR, span_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["against_kl", "differences"]


def against_kl(trials: pd.DataFrame, metric: str = "recon", *, legend: bool = True, ax: Axes | None = None) -> Axes:
    """trials: of `load_study`.  One point a usable trial, KL (nats per image) to the right."""
    ax = current(ax)
    there = {"kl", metric} <= set(trials.columns)
    rows = trials[trials["usable"]].dropna(subset=["kl", metric]) if there else trials[:0]
    if rows.empty:
        return say_empty(ax, f"no usable trial has both kl and {metric}")
    colours, markers = looks(trials["variant"].dropna())
    for variant, group in groups(rows, "variant"):
        look = {"color": colours[variant], "marker": markers[variant], "label": variant}
        link(ax.scatter(group["kl"], group[metric], s=46, alpha=0.9, **look), group["trial"])
    ax.set_xlabel("KL (nats per image)")
    ax.set_ylabel(axis_label(metric))
    nats_scale(ax, "y", rows, metric)
    if legend:
        legend_outside(ax)
    return ax


def differences(table: pd.DataFrame, metric: str = "recon", *, ax: Axes | None = None) -> Axes:
    """table: of `equal_kl_table`.  One line a pair: a point at the median of a − b, a bar over its interval, n beside it."""
    ax = current(ax)
    rows = table[(table["metric"] == metric) & (table["n"] > 0)].to_dict("records")
    if not rows:
        return say_empty(ax, "no two kinds of model have trials of equal KL here")
    ink = ax.xaxis.label.get_color()
    ax.axvline(0, color=ink, lw=1, alpha=0.5)
    for place, row in enumerate(rows):
        if row["n"] > 1:
            ax.plot([row["low"], row["high"]], [place, place], color=ink, lw=2, alpha=0.7, solid_capstyle="butt")
        ax.plot(row["median"], place, "o", color=ink, ms=7)
    labels = [f"{row['a']} − {row['b']} ({_sure(row['n'])})" for row in rows]
    ax.set_yticks(range(len(rows)), labels, fontsize=8)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    found = find_metric(metric)
    assert found is not None, metric
    unit = f" ({found.unit})" if found.unit else ""
    better = "left" if found.direction == "minimize" else "right"
    ax.set_xlabel(
        f"difference of {metric_name(metric)}{unit} at equal KL\n{better} of 0: the first is better; KL is post-treatment"
    )
    return ax


def _sure(n: int) -> str:
    return f"n = {n}" if n >= LEAST_CLEAR else span_name(n)
