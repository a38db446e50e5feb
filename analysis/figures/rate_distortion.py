"""The rate–distortion plane (Alemi et al.  2018, Fixing a Broken ELBO): what each model pays, KL, and what it leaves,
reconstruction.

    negative ELBO = distortion + rate

is constant along the dashed lines: models on one line are equally good likelihood models, whatever their objective, and differ
only in how much of the picture goes through the latents.  At the left end, KL 0, a model can do no better than the mean image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figures.style import current, legend_outside, link, new_figure, say_empty
from analysis.tables.load import groups
from analysis.tables.names import looks, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["rate_distortion", "rate_distortion_figure", "stars"]

LINES = 5


def rate_distortion(trials: pd.DataFrame, references: pd.DataFrame | None = None, *, ax: Axes | None = None) -> Axes:
    """trials: of `load_study`, nats per image.  references: of `analysis.tables.references` with `kl` and `recon`, as stars."""
    ax = current(ax)
    there = {"kl", "recon"} <= set(trials.columns)
    rows = trials[trials["usable"]].dropna(subset=["kl", "recon"]) if there else trials[:0]
    if rows.empty:
        return say_empty(ax, "no usable trial has both kl and recon")
    colours, markers = looks(trials["variant"].dropna())
    for variant, group in groups(rows, "variant"):
        look = {"color": colours[variant], "marker": markers[variant], "label": variant}
        link(ax.scatter(group["kl"], group["recon"], s=46, alpha=0.9, zorder=3, **look), group["trial"])
    shown = rows[["kl", "recon"]]
    if references is not None and len(references):
        stars(ax, references, "kl", "recon")
        shown = pd.concat([shown, references[["kl", "recon"]]])
    _lines(ax, shown)
    ax.set_xlabel("rate: KL (nats per image)")
    ax.set_ylabel("distortion: reconstruction NLL (nats per image)")
    legend_outside(ax)
    return ax


def rate_distortion_figure(trials: pd.DataFrame, references: pd.DataFrame | None = None) -> Figure:
    """`rate_distortion` as a figure of its own, with a title."""
    figure = new_figure(8, 4.6)
    rate_distortion(trials, references, ax=figure.subplots()).set_title("Rate and distortion")
    return figure


def stars(ax: Axes, references: pd.DataFrame, x: str, y: str) -> None:
    """Published models as named stars."""
    ink = ax.xaxis.label.get_color()
    ax.scatter(references[x], references[y], s=110, marker="*", color=ink, label="published", zorder=4)
    for rank, (_, row) in enumerate(references.sort_values(y).iterrows()):
        name = str(row["model"]).removeprefix("published_")
        aside = (6, 3 if rank % 2 else -10)  # neighbours' names above and below, or they would lie on each other
        ax.annotate(name, (row[x], row[y]), xytext=aside, textcoords="offset points", fontsize=8)


def _lines(ax: Axes, shown: pd.DataFrame) -> None:
    """Lines of equal negative ELBO across what is shown, at round values, named at their left ends."""
    from matplotlib.ticker import MaxNLocator

    top, right = 1.08 * shown["recon"].max(), 1.12 * shown["kl"].max()
    totals = shown.sum(axis=1)
    for total in MaxNLocator(LINES).tick_values(float(totals.min()), float(totals.max())):
        if not 0 < total < top + 0.7 * right:
            continue
        rate = np.array([max(0.0, total - top), min(right, total)])
        ax.plot(rate, total - rate, ls="--", lw=0.8, color=ax.xaxis.label.get_color(), alpha=0.35, zorder=1)
        ax.annotate(f"−ELBO {number(float(total))}", (rate[0], total - rate[0]), xytext=(3, 2), textcoords="offset points",
                    fontsize=7, alpha=0.7)  # fmt: skip
    ax.set_xlim(0, right)
    ax.set_ylim(0, top)
