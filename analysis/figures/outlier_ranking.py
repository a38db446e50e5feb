"""How well odd pictures are ranked, by method, with intervals: the benchmark of `python -m analysis.batchrank`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.pareto import pareto
from analysis.figures.style import current, new_figure, say_empty
from analysis.tables.load import Studies
from analysis.tables.method_quality import quality_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["outlier_ranking", "outliers_figure"]

LABELS = {"auroc": "AUROC (chance 0.5) ↑", "ap": "average precision above chance ↑", "hit": "first picture is odd ↑"}
CHANCE = {"auroc": 0.5, "ap": 0.0}


def outlier_ranking(rows: pd.DataFrame, quality: str = "auroc", *, ax: Axes | None = None) -> Axes:
    """rows: the benchmark's rows.parquet.  One line a method: mean over all cells and its interval.

    With one model the interval is over batches only, and the label says so.
    """
    ax = current(ax)
    measured = rows[rows[quality].notna()] if quality in rows.columns else rows[:0]
    if measured.empty:
        return say_empty(ax, f"no batch with odd pictures has {quality}")
    table = quality_table(measured, quality)["all"]
    ink = ax.xaxis.label.get_color()
    for place, interval in enumerate(table):
        ax.plot([interval.low, interval.high], [place, place], color=ink, lw=2, alpha=0.6, solid_capstyle="butt")
        ax.plot(interval.mean, place, "o", color="C0", ms=6)
    if quality in CHANCE:
        ax.axvline(CHANCE[quality], color=ink, ls=":", lw=1)
    ax.set_yticks(range(len(table)), [str(method).replace("_", " ") for method in table.index], fontsize=8)
    ax.invert_yaxis()
    models = measured["model"].nunique()
    seeds = f"n = {models} models" if models > 1 else "n = 1 model: the interval is over batches, not over seeds"
    ax.set_xlabel(f"{LABELS.get(quality, quality)}\n{seeds}")
    return ax


def outliers_figure(studies: Studies, keys: list[str], rows: pd.DataFrame | None) -> Figure:
    """One panel an outlier metric (at most two) against the first other one, and one for the benchmark's rows."""
    first = next((key for key in studies.metrics.index if key not in keys), None)
    shown = keys[:2] if first else []
    figure = new_figure(7.4 * (len(shown) + (rows is not None)), 4.6)
    axes: list[Axes] = list(figure.subplots(1, len(shown) + (rows is not None), squeeze=False)[0])
    for ax, key in zip(axes, shown, strict=False):
        pareto(studies.trials, str(first), key, replicates=studies.replicates, ax=ax)
    if rows is not None:
        outlier_ranking(rows, ax=axes[-1])
    return figure
