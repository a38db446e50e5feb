"""Training: losses over steps, the schedules that ran beneath them, and which latents came to life when.

Losses are those of the training batches between two reports, in nats per image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figures.style import current, legend_outside, say_empty
from analysis.tables.names import metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["kl_per_latent", "learning_curves", "schedules"]

SCHEDULES = {"beta": "β", "gamma": "γ", "capacity": "C (nats)"}
ALIVE = 0.01  # nats; Burda et al. 2016's threshold as the field uses it on the KL


def learning_curves(
    histories: pd.DataFrame, labels: Mapping[int, str], value: str = "recon", *, legend: bool = True, ax: Axes | None = None
) -> Axes:
    """histories: of one study.  labels: {trial: label}, one colour each; its seeds are lines of the same colour."""
    ax = current(ax)
    drawn = histories[histories["trial"].isin(list(labels))] if len(histories) else histories
    if drawn.empty or value not in drawn.columns:
        return say_empty(ax, f"no history of {value}")
    for index, (trial, label) in enumerate(labels.items()):
        for number, (_, run) in enumerate(drawn[drawn["trial"] == trial].groupby("replicate")):
            ax.plot(run["step"], run[value], color=f"C{index}", lw=1.4, alpha=0.9, label=label if number == 0 else None)
    low, high = drawn[value].min(), drawn[value].max()
    if low > 0 and high / low > 10:
        ax.set_yscale("log")
    ax.set_xlabel("training step")
    ax.set_ylabel(f"{metric_name(value)} (nats per image)")
    if legend:
        legend_outside(ax)
    return ax


def schedules(histories: pd.DataFrame, labels: Mapping[int, str], *, ax: Axes | None = None) -> Axes:
    """β, γ and C of the same trials, each as a share of its own maximum, which the legend gives: C starts at 0, γ ends low."""
    ax = current(ax)
    styles = dict(zip(SCHEDULES, ("-", "--", ":"), strict=True))
    for index, trial in enumerate(labels):
        run = histories[(histories["trial"] == trial) & (histories["replicate"] == 0)] if len(histories) else histories
        for column, symbol in SCHEDULES.items():
            if column in run.columns and run[column].notna().any() and run[column].max() > 0:
                top = run[column].max()
                label = f"{trial}: {symbol}, 1 = {top:.3g}"
                ax.plot(run["step"], run[column] / top, styles[column], color=f"C{index}", lw=1.4, label=label)
    if not ax.lines:
        return say_empty(ax, "these objectives have no schedule")
    ax.set_xlabel("training step")
    ax.set_ylabel("schedule (1 = its maximum)")
    ax.set_ylim(-0.05, 1.08)
    legend_outside(ax)
    return ax


def kl_per_latent(run: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """run: the history of one training.  Each latent's KL, stacked to their sum, with the capacity C(t) where it has one.

    Latents are ordered by their last KL; those that end below 0.01 nats are counted in the title.
    """
    ax = current(ax)
    if run.empty or run["kl_per_latent"].isna().all():
        return say_empty(ax, "no history of the KL per latent")
    rows = run.dropna(subset=["kl_per_latent"])
    values = np.stack([np.asarray(row, dtype=float) for row in rows["kl_per_latent"]])
    order = np.argsort(values[-1])[::-1]
    alive = int((values[-1] > ALIVE).sum())
    ax.stackplot(rows["step"], values[:, order].T, colors=_shades(len(order)), labels=[f"z{d}" for d in order], lw=0)
    if "capacity" in rows.columns and rows["capacity"].notna().any():
        ax.plot(rows["step"], rows["capacity"], "--", color=ax.xaxis.label.get_color(), lw=1.5, label="C(t)")
    ax.set_xlabel("training step")
    ax.set_ylabel("KL per latent (nats per image), stacked")
    ax.set_title(f"{alive} of {len(order)} latents in use at the end", fontsize=9, fontweight="normal")
    legend_outside(ax)
    return ax


def _shades(count: int) -> list[tuple[float, float, float]]:
    import seaborn as sns

    shades: list[tuple[float, float, float]] = sns.color_palette("viridis", count)
    return shades
