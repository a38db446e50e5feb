"""How figures look: one theme for paper and notebooks, and one that follows a page into the dark; captions with the conditions.

    with themed():
        figure = new_figure(7, 4)
        pareto(study.trials, "recon", "mig", ax=figure.subplots())
        caption(figure, provenance(study))

On a page a figure is drawn once, as SVG inside the HTML, in marker colours that `svg` exchanges for the page's own: the text
colour (`currentColor`) and its grid colour.  So it is right in light, in dark and on paper without a second picture.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.tables.names import in_nats, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "caption",
    "current",
    "legend_outside",
    "link",
    "log_scale",
    "nats_scale",
    "new_figure",
    "png",
    "say_empty",
    "svg",
    "themed",
]

INK, GRID, PAPER = "#1c2024", "#e3e6ea", "white"
PAGE_INK, PAGE_GRID = "#010203", "#010204"  # colours that nothing else has


@contextmanager
def themed(page: bool = False) -> Iterator[None]:
    """matplotlib's settings for what is drawn inside; outside nothing changes.  page: for `svg`."""
    import matplotlib as mpl
    import seaborn as sns

    ink, grid, paper = (PAGE_INK, PAGE_GRID, "none") if page else (INK, GRID, PAPER)
    settings: Any = sns.plotting_context("notebook", font_scale=0.85) | sns.axes_style("ticks")
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), paper)
    settings |= {"axes.grid": True, "grid.color": grid, "axes.axisbelow": True, "axes.titlelocation": "left"}
    settings |= {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "axes.titleweight": "bold"}
    settings |= {"legend.frameon": False, "legend.fontsize": 8.5, "font.family": ["sans-serif"], "svg.fonttype": "none"}
    settings |= {"axes.prop_cycle": mpl.rcsetup.cycler(color=sns.color_palette("colorblind"))}
    with mpl.rc_context(settings):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, laid out so that nothing overlaps."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def current(ax: Axes | None) -> Axes:
    """The axes to draw into: the given ones, else pyplot's current ones, as seaborn does."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.gca()


def caption(figure: Figure, text: str) -> None:
    """Small print below the figure: data, budget, seeds."""
    lines = textwrap.fill(text, width=int(figure.get_figwidth() * 15))
    figure.supxlabel(lines, fontsize=8, x=0.01, ha="left", alpha=0.75)


def legend_outside(ax: Axes, title: str | None = None) -> None:
    """The legend right of the axes, where it hides no point; none where there is nothing to tell apart."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(handles, labels, title=title, loc="center left", bbox_to_anchor=(1.01, 0.5), alignment="left")


def link(points: Any, trials: Iterable[Any]) -> None:
    """On a page every point leads to its trial, `#trial-13`, also by keyboard and without scripts."""
    points.set_urls([f"#trial-{int(trial)}" for trial in trials])


def log_scale(ax: Axes, which: Literal["x", "y"], values: pd.Series, least: float = 3.0) -> None:
    """A logarithmic axis where positive values span more than a factor `least`, labelled in plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if not len(values) or values.min() <= 0 or values.max() / values.min() <= least:
        return
    ax.set_xscale("log") if which == "x" else ax.set_yscale("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def nats_scale(ax: Axes, which: Literal["x", "y"], rows: pd.DataFrame, key: str) -> None:
    """The axis of a metric in nats: logarithmic, framed by the trials that learnt something.  Other metrics stay as they are."""
    if in_nats(key):
        log_scale(ax, which, _framed(ax, which, rows, key))


def say_empty(ax: Axes, text: str) -> Axes:
    """Axes that say why there is nothing in them."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", transform=ax.transAxes, alpha=0.75)
    return ax


def png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def svg(figure: Figure, name: str, *, tight: bool = False) -> str:
    """The figure as an <svg> element for a page that defines --grid; drawn under `themed(page=True)`.

    name: makes the ids of its parts different from those of the page's other figures.  tight: cut to what is drawn.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight" if tight else None)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(PAGE_INK, "currentColor").replace(PAGE_GRID, "var(--grid)")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    return re.sub(r'(url\(#|href="#)(?!trial-)', rf"\1{name}-", text)


NAMED = 4
"""Trials beyond an axis that are named; a large study's would fill the figure."""


def _framed(ax: Axes, which: Literal["x", "y"], rows: pd.DataFrame, key: str) -> pd.Series:
    """The values that the axis shows: those within three times the middle half's spread (Tukey's fence, on a log scale).  Trials
    that learnt next to nothing lie far beyond; they would squeeze the others together, so they are named instead."""
    values: pd.Series = rows[key]
    if len(values) < 6 or values.min() <= 0:
        return values
    low, high = np.quantile(np.log(values), (0.25, 0.75))
    beyond = rows[np.log(values) > high + 3 * (high - low)]
    if beyond.empty:
        return values
    shown: pd.Series = values.drop(beyond.index)
    room = (shown.max() / shown.min()) ** 0.06
    (ax.set_xlim if which == "x" else ax.set_ylim)(shown.min() / room, shown.max() * room)
    told = ", ".join(f"{int(row['trial'])} ({number(row[key])})" for row in beyond.head(NAMED).to_dict("records"))
    more = f" and {len(beyond) - NAMED} more" if len(beyond) > NAMED else ""
    place = {"x": (0.99, 0.02, "right"), "y": (0.01, 0.97, "left")}[which]
    ax.text(*place[:2], f"beyond the axis: trial {told}{more}", ha=place[2], transform=ax.transAxes, fontsize=8, alpha=0.75)
    return shown
