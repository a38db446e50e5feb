"""Which knobs matter, as bars with their 95 % intervals over trials (`analysis.tables.importance`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, say_empty
from analysis.tables.importance import LEAST
from analysis.tables.names import knob_label, metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["importance"]


def importance(table: pd.DataFrame, metric: str, *, ax: Axes | None = None) -> Axes:
    """table: of `knob_importance`.  The title says how much of the metric the knobs predict on trials not seen."""
    ax = current(ax)
    if table.empty:
        return say_empty(
            ax, f"the importance of knobs needs {LEAST} usable trials with different values of {metric_name(metric)}"
        )
    places = range(len(table))
    r2, n = table["r2"].iloc[0], table["n"].iloc[0]
    ax.barh(places, 100 * table["importance"], color="C0", alpha=0.85 if r2 > 0 else 0.3)
    ax.hlines(places, 100 * table["low"], 100 * table["high"], color=ax.xaxis.label.get_color(), lw=1.5)
    ax.set_yticks(places, [knob_label(knob) for knob in table["knob"]])
    ax.invert_yaxis()
    ax.axvline(0, color=ax.xaxis.label.get_color(), lw=1, alpha=0.5)
    ax.set_xlabel(f"error added by shuffling (% of the variance of {metric_name(metric)})", fontsize=9)
    verdict = (
        f"predicts {100 * r2:.0f} % of unseen trials' variance" if r2 > 0 else "predicts nothing of unseen trials: read no bar"
    )
    ax.set_title(f"{metric_name(metric)}, n = {n}:\n{verdict}", fontsize=9, fontweight="normal")
    return ax
