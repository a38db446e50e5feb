"""How well odd pictures are ranked, by method, with intervals: the benchmark of `python -m analysis.batchrank`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.figures.style import current, say_empty
from analysis.tables.batchrank import quality_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["outlier_ranking"]

LABELS = {"auroc": "AUROC (chance 0.5) ↑", "ap": "average precision above chance ↑", "hit": "first picture is odd ↑"}
CHANCE = {"auroc": 0.5, "ap": 0.0}


def outlier_ranking(rows: pd.DataFrame, quality: str = "auroc", *, ax: Axes | None = None) -> Axes:
    """rows: the benchmark's rows.parquet.  One line a method: mean over all cells and its bootstrap interval.

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
