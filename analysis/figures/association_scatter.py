"""MIG (or the first metric of disentanglement there is) against every metric of ranking: a point a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import new_figure
from analysis.tables.associations import metric_pairs
from analysis.tables.names import axis_label, looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["associations_figure"]


def associations_figure(trials: pd.DataFrame) -> Figure:
    """Scatter of MIG (or the first metric there is) against every ranking metric, coloured by kind of objective."""
    pairs = metric_pairs(trials)
    first = pairs[0][0] if pairs else None
    shown = [y for x, y in pairs if x == first]
    figure = new_figure(4.2 * max(len(shown), 1), 3.6)
    axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    colours, markers = looks(trials["variant"].dropna())
    for ax, y in zip(axes, shown, strict=False):
        for variant, group in trials.dropna(subset=[first, y]).groupby("variant"):
            ax.scatter(
                group[first], group[y], color=colours[str(variant)], marker=markers[str(variant)], s=26, label=str(variant)
            )
        ax.set_xlabel(axis_label(str(first)))
        ax.set_ylabel(axis_label(y))
    if shown:
        axes[0].legend(fontsize=7)
    return figure
