"""Two metrics of every usable trial against each other, with the Pareto front as a staircase.

The staircase bounds what the trials dominate: no trial is better in both metrics than any point of it.  Where trials have
several seeds, a cross spans the intervals of both medians, of fewer than six seeds their range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.figures.rate_distortion import stars
from analysis.figures.style import current, legend_outside, link, nats_scale, new_figure, say_empty
from analysis.tables.floor import known_floor
from analysis.tables.load import Studies, groups
from analysis.tables.names import axis_label, looks, metric_name
from analysis.tables.two_metrics import front_rows, plotted
from study.metrics import metric_of
from study.records.intervals import median_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["pareto", "pareto_figure", "staircase"]


def pareto(
    trials: pd.DataFrame, x: str = "recon", y: str = "mig", *, replicates: pd.DataFrame | None = None, ax: Axes | None = None
) -> Axes:
    """trials: of `load_study`, from one or several studies.  replicates: their seeds, for intervals.

    The front is drawn once for each of the terms (data and budget), because others do not compare.
    """
    ax = current(ax)
    rows = plotted(trials, x, y)
    if rows.empty:
        return say_empty(ax, f"no usable trial has both {x} and {y}")
    colours, markers = looks(rows["variant"])
    if replicates is not None:
        _draw_intervals(ax, rows, replicates, x, y, colours)
    for variant, group in groups(rows, "variant"):
        look = {"color": colours[variant], "marker": markers[variant], "label": variant}
        link(ax.scatter(group[x], group[y], s=46, alpha=0.9, zorder=3, **look), group["trial"])
    for terms, group in groups(rows, "terms"):
        _draw_front(ax, group, x, y, terms if rows["terms"].nunique() > 1 else "Pareto front")
    nats_scale(ax, "x", rows, x)
    nats_scale(ax, "y", rows, y)
    ax.set_xlabel(axis_label(x))
    ax.set_ylabel(axis_label(y))
    legend_outside(ax)
    return ax


def pareto_figure(studies: Studies, x: str, y: str, references: pd.DataFrame | None = None) -> Figure:
    """`pareto` as a figure of its own, with intervals, a title, and the floor where `analysis.report --floor` has measured it.

    references: of `analysis.tables.references`, as stars.
    """
    figure = new_figure(8, 4.6)
    ax = pareto(studies.trials, x, y, replicates=studies.replicates, ax=figure.subplots())
    if references is not None and len(references):
        stars(ax, references, x, y)
    _draw_floors(ax, pd.concat([known_floor(folder) for folder in studies.folders.values()]), x, y)
    legend_outside(ax)
    ax.set_title(f"{metric_name(x)} against {metric_name(y)}")
    return figure


def staircase(front: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners of the boundary between front points (n, 2) ordered by the first metric: right, then up or down.

    >>> staircase(np.array([[1.0, 1.0], [2.0, 3.0]])).tolist()
    [[1.0, 1.0], [2.0, 1.0], [2.0, 3.0]]
    """
    corners = np.column_stack([front[1:, 0], front[:-1, 1]])
    path = np.empty((2 * len(front) - 1, 2))
    path[::2], path[1::2] = front, corners
    return path


def _draw_front(ax: Axes, rows: pd.DataFrame, x: str, y: str, label: str) -> None:
    front = front_rows(rows, x, y)
    path = staircase(front[[x, y]].to_numpy(dtype=float))
    (line,) = ax.plot(path[:, 0], path[:, 1], ls="--", lw=1.2, color=ax.xaxis.label.get_color(), alpha=0.6, label=label, zorder=2)
    line.set_gid("front")
    for _, row in front.iterrows():
        at = (row[x], row[y])
        number = ax.annotate(
            f"{int(row['trial'])}", at, xytext=(5, 5), textcoords="offset points", fontsize=8, alpha=0.9, annotation_clip=True
        )
        number.set_in_layout(False)  # of a trial beyond the frame it would make room for itself until there is none left


def _draw_floors(ax: Axes, floors: pd.DataFrame, x: str, y: str) -> None:
    """A line on each axis that an untrained encoder has a value on: the best of the architectures'."""
    label, ink = "untrained encoder", ax.xaxis.label.get_color()
    for key, line, on in ((x, ax.axvline, "x"), (y, ax.axhline, "y")):
        found = floors.loc[floors["metric"] == key, "untrained"]
        if len(found):
            best = found.min() if metric_of(key).direction == "minimize" else found.max()
            line(best, ls=":", lw=1.4, color=ink, alpha=0.8, label=label, gid=f"floor-{on}", zorder=1)
            label = "_"  # once in the legend


def _draw_intervals(ax: Axes, rows: pd.DataFrame, replicates: pd.DataFrame, x: str, y: str, colours: dict[str, object]) -> None:
    for _, row in rows[rows["n_replicates"] > 1].iterrows():
        seeds = replicates[(replicates["study"] == row["study"]) & (replicates["trial"] == row["trial"])]
        spans = [median_interval(seeds[key].dropna().to_numpy(dtype=float)) for key in (x, y)]
        across, up = [[[span.median - span.low], [span.high - span.median]] for span in spans]
        ax.errorbar(
            spans[0].median, spans[1].median, xerr=across, yerr=up, color=colours[row["variant"]], lw=1, alpha=0.6, zorder=2
        )
