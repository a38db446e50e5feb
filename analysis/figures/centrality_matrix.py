"""Who agrees with whom: the share of held latents that each model's encoder (row) names in each model's pictures (column)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["centrality_figure", "centrality_matrix"]

NUMBERED = 20  # models up to which the cells have room for numbers


def centrality_matrix(shares: pd.DataFrame, order: Sequence[int], *, ax: Axes | None = None) -> Axes:
    """shares: of `analysis.tables.centrality.measure_agreements`.  order: trials, the most central first."""
    import seaborn as sns

    ax = current(ax)
    wide = shares.pivot_table(index="encoder", columns="generator", values="share").loc[list(order), list(order)]
    sns.heatmap(
        wide, vmin=0, vmax=1, cmap="mako", annot=len(order) <= NUMBERED, fmt=".2f", linewidths=0.5, square=True, ax=ax,
        annot_kws={"fontsize": 6}, cbar_kws={"label": "held latents that are named"},
    )  # fmt: skip
    ax.tick_params(length=0, rotation=0)
    ax.set_xlabel("pictures of trial")
    ax.set_ylabel("encoder of trial, most central first")
    return ax


def centrality_figure(shares: pd.DataFrame, order: Sequence[int]) -> Figure:
    """`centrality_matrix` as a figure of its own, with a title."""
    side = min(11.0, 3 + 0.36 * len(order))
    figure = new_figure(side + 1, side)
    centrality_matrix(shares, order, ax=figure.subplots()).set_title("Which models agree")
    return figure
