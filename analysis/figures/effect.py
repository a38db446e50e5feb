"""What one knob does to one metric: every usable trial as a point, medians with intervals (of fewer than six their range)
where values repeat.

The search moved all knobs at once, so a trend here is an association among the trials it chose, not an experiment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from analysis.figures.style import current, legend_outside, link, log_scale, nats_scale, say_empty
from analysis.tables.load import groups
from analysis.tables.names import axis_label, knob_label, looks
from study.records.intervals import median_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["effect", "effect_table"]

LEAST = 5  # trials; a rank correlation of fewer is likely by chance
FEW_VALUES = 8  # up to so many numbers that repeat are drawn as places rather than on a scale


def effect(trials: pd.DataFrame, knob: str, metric: str, *, legend: bool = True, ax: Axes | None = None) -> Axes:
    """trials: of `load_study`.  Trials that do not have the knob are left out: γ is only the capacity objective's."""
    ax = current(ax)
    rows = _rows(trials, knob, metric)
    if rows.empty:
        return say_empty(ax, f"no usable trial has both {knob} and {metric}")
    if _on_scale(rows[knob]):
        _draw_scale(ax, rows, knob, metric, trials)
    else:
        _draw_places(ax, rows, knob, metric, trials)
    ax.set_xlabel(knob_label(knob))
    ax.set_ylabel(axis_label(metric))
    nats_scale(ax, "y", rows, metric)
    if legend:
        legend_outside(ax)
    return ax


def effect_table(trials: pd.DataFrame, knob: str, metric: str) -> pd.DataFrame:
    """One row a value of the knob: value, median, low, high, n over trials; with n = 1, low and high are NaN."""
    rows = _rows(trials, knob, metric)
    found = [
        {"value": value, **median_interval(group[metric].to_numpy(dtype=float))._asdict()} for value, group in rows.groupby(knob)
    ]
    return pd.DataFrame(found, columns=["value", "median", "low", "high", "n"])


def _rows(trials: pd.DataFrame, knob: str, metric: str) -> pd.DataFrame:
    if not {knob, metric} <= set(trials.columns):
        return trials[:0]
    return trials[trials["usable"]].dropna(subset=[knob, metric])


def _on_scale(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and (values.nunique() > FEW_VALUES or values.is_unique)


def _draw_scale(ax: Axes, rows: pd.DataFrame, knob: str, metric: str, trials: pd.DataFrame) -> None:
    """A number with many values: points on a scale, logarithmic where it spans a factor of five."""
    colours, markers = looks(trials["variant"].dropna())
    for variant, group in groups(rows, "variant"):
        look = {"color": colours[variant], "marker": markers[variant], "label": variant}
        link(ax.scatter(group[knob], group[metric], s=34, alpha=0.9, **look), group["trial"])
    log_scale(ax, "x", rows[knob], 5)
    if rows[metric].nunique() > 1 and len(rows) >= LEAST:
        rho = spearmanr(rows[knob], rows[metric]).statistic
        ax.set_title(f"ρ = {rho:+.2f}, n = {len(rows)}".replace("-", "−"), fontsize=9, fontweight="normal")


def _draw_places(ax: Axes, rows: pd.DataFrame, knob: str, metric: str, trials: pd.DataFrame) -> None:
    """A choice or a number with few values: one place each, the points beside a median with its interval."""
    colours, markers = looks(trials["variant"].dropna())
    table = effect_table(rows, knob, metric)
    values = list(table["value"])
    ink = ax.xaxis.label.get_color()
    shifts = dict(zip(colours, np.linspace(-0.3, 0.0, len(colours)), strict=True))
    for variant, group in groups(rows, "variant"):
        places = np.array([values.index(value) for value in group[knob]]) + shifts[variant]
        look = {"color": colours[variant], "marker": markers[variant], "label": variant}
        link(ax.scatter(places, group[metric], s=34, alpha=0.9, **look), group["trial"])
    for place, row in enumerate(table.to_dict("records")):
        if row["n"] == 1:
            continue
        ax.plot([place + 0.2] * 2, [row["low"], row["high"]], color=ink, lw=2, alpha=0.7, solid_capstyle="butt")
        ax.plot(place + 0.2, row["median"], "_", color=ink, ms=9, mew=2)
    labels = [f"{_plain(row.value)}\nn = {row.n}" for row in table.itertuples()]
    ax.set_xticks(range(len(values)), labels, fontsize=8)
    ax.set_xlim(-0.5, len(values) - 0.5)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
