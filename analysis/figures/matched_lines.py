"""What one knob does in settings that are otherwise equal: a line a setting, over the knob's values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import legend_outside, new_figure, say_empty
from analysis.tables.matched_settings import knob_values
from analysis.tables.names import axis_label, knob_label, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["matched_figure"]


def matched_figure(settings: dict[str, pd.DataFrame], knob: str) -> Figure:
    """One panel a metric: a line a setting, over the knob's values."""
    figure = new_figure(4.2 * len(settings) + 1.8, 3.6)
    for ax, (metric, wide) in zip(figure.subplots(1, len(settings), squeeze=False)[0], settings.items(), strict=True):
        _panel(ax, metric, wide, knob)
    legend_outside(ax)
    return figure


def _panel(ax: Axes, metric: str, wide: pd.DataFrame, knob: str) -> Axes:
    if wide.empty:
        return say_empty(ax, f"no two usable trials with {metric} differ in {knob} alone")
    values = knob_values(wide)
    for setting, row in wide.iterrows():
        ax.plot(range(len(values)), [row[value] for value in values], "o-", alpha=0.8, label=setting)
    ax.set_xticks(range(len(values)), [number(value) for value in values])
    ax.set_xlim(-0.3, len(values) - 0.7)
    ax.set_xlabel(knob_label(knob))
    ax.set_ylabel(axis_label(metric))
    return ax
