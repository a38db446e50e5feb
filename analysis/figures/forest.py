"""A forest plot of paired differences: every setting with its interval over seeds, and below them what they say together.

Small dots are seeds.  The diamond is the mean over these settings with its interval; the thin line through it is the interval for
other settings like them.  Left or right of zero, whichever the axis calls better, `to` is the better arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.figures.style import new_figure, say_empty
from analysis.tables.names import UNITS, find_metric, knob_label, metric_name, number
from analysis.tables.pairs import comparisons, differences, matched_table, setting_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["forest", "forest_figure"]


def forest_figure(seeds: pd.DataFrame, knob: str, metrics: Sequence[str]) -> Figure:
    """One panel a metric.  seeds: of `analysis.tables.pairs.paired_seeds`."""
    lines = len(comparisons(seeds)) * (seeds["setting"].nunique() + 2)
    figure = new_figure(2.6 + 4.4 * len(metrics), 1.4 + 0.23 * lines)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        forest(seeds, metric, ax=ax)
        if ax is not axes[0]:
            ax.tick_params(labelleft=False)
    figure.suptitle(f"What {knob_label(knob)} changes, seed by seed", x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def forest(seeds: pd.DataFrame, metric: str, *, ax: Axes) -> Axes:
    """Every comparison of two arms as a block of lines: its settings, then all of them together."""
    overall, each = matched_table(seeds, [metric]), setting_table(seeds, metric)
    if overall.empty:
        return say_empty(ax, f"no seed has a usable model with {metric_name(metric)} in two arms")
    ink, labels, place = ax.xaxis.label.get_color(), [], 0
    for row in overall.to_dict("records"):
        block = each[(each["from"] == row["from"]) & (each["to"] == row["to"])]
        ax.axhline(place, color=ink, lw=0.6, alpha=0.25)
        labels.append((place, f"{number(row['to'])} − {number(row['from'])}", True))
        values = differences(seeds, metric, row["from"], row["to"])
        for setting in block.to_dict("records"):
            place += 1
            labels.append((place, f"{setting['setting']} (n = {setting['n']})", False))
            _setting(ax, place, setting, values[setting["setting"]])
        place += 1
        labels.append((place, "all settings", False))
        _overall(ax, place, row, ink)
        place += 1
    ax.axvline(0, color=ink, lw=1, alpha=0.6)
    ax.set_yticks([at for at, *_ in labels], [text for _, text, _ in labels], fontsize=8)
    for tick, (*_, head) in zip(ax.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if head else "normal")
    ax.set_ylim(place - 0.3, -0.7)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(_axis(metric))
    return ax


def _setting(ax: Axes, place: int, row: dict[Any, Any], values: np.ndarray) -> None:
    ax.plot(values, [place] * len(values), "o", color="C0", ms=3, alpha=0.45, mew=0)
    if row["n"] > 1:
        ax.plot([row["low"], row["high"]], [place, place], color="C0", lw=1.6, solid_capstyle="butt")
    ax.plot(row["mean"], place, "s", color="C0", ms=4.5)


def _overall(ax: Axes, place: int, row: dict[Any, Any], ink: Any) -> None:
    ax.plot([row["low_like"], row["high_like"]], [place, place], color=ink, lw=0.8, alpha=0.6)
    ax.plot([row["low"], row["high"]], [place, place], color=ink, lw=3, solid_capstyle="butt")
    ax.plot(row["difference"], place, "D", color=ink, ms=6)


def _axis(metric: str) -> str:
    found = find_metric(metric)
    if found is None:
        return metric
    unit = f" ({UNITS.get(found.unit, found.unit)})" if found.unit else ""
    side = "left" if found.direction == "minimize" else "right"
    return f"difference of {metric_name(metric)}{unit}\n{side} of 0: the first is better"
