"""How figures look: one theme for paper, screen and dark screen; captions that carry the conditions.

with themed(dark=False):
    figure = new_figure(7, 4)
    pareto(study.trials, "recon", "mig", ax=figure.subplots())
    caption(figure, provenance(study))
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["caption", "current", "legend_outside", "new_figure", "png", "say_empty", "themed"]

LIGHT = {"figure.facecolor": "white", "axes.facecolor": "white", "ink": "#1c2024", "soft": "#5f6873", "grid": "#e3e6ea"}
DARK = {"figure.facecolor": "#14171a", "axes.facecolor": "#14171a", "ink": "#e7eaee", "soft": "#9aa4b0", "grid": "#2b3138"}


@contextmanager
def themed(dark: bool = False) -> Iterator[None]:
    """matplotlib's settings for what is drawn inside; outside nothing changes."""
    import matplotlib as mpl
    import seaborn as sns

    colours = DARK if dark else LIGHT
    ink = colours["ink"]
    settings: Any = sns.plotting_context("notebook", font_scale=0.85) | sns.axes_style("ticks")
    settings |= {key: colours[key] for key in ("figure.facecolor", "axes.facecolor")}
    settings |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    settings |= {"savefig.facecolor": colours["figure.facecolor"], "legend.frameon": False, "axes.titleweight": "bold"}
    settings |= {"axes.grid": True, "grid.color": colours["grid"], "axes.axisbelow": True, "axes.titlelocation": "left"}
    settings |= {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "legend.fontsize": 8.5}
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
