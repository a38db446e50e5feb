"""Curves over training.  `history` has a row a report: step, epoch, loss, recon, kl (nats per image), grad_norm, …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["epoch_averages", "losses", "parameter_norms", "range_test", "sample_quality", "signals"]

SIGNALS = {"learning_rate": "learning rate", "grad_norm": "gradient norm", "beta": "β", "gamma": "γ", "capacity": "C (nats)"}
MANY = 10  # epochs from which on their averages make a line


def losses(history: pd.DataFrame, title: str, reported: Mapping[int, float] | None = None) -> Figure:
    """Total loss, reconstruction and KL.  Thin: every report; thick, or dots: the average of each epoch, where there are several.

    reported: {epoch: the source's average loss}, drawn as points.
    """
    figure, axes = _row(3)
    averages = epoch_averages(history)
    for axis, column, name in zip(axes, ("loss", "recon", "kl"), ("total loss", "reconstruction NLL", "KL"), strict=True):
        axis.plot(history["epoch"], history[column], linewidth=0.6, alpha=0.5 if len(averages) > 2 else 1)
        if len(averages) > 2:
            style = "-" if len(averages) >= MANY else "o"  # straight lines between few averages lie above a falling curve
            axis.plot(averages.index - 0.5, averages[column], style, color="C0", markersize=4)
        axis.set_ylim(*_limits(history[column]))
        _label(axis, "nats per image")
        axis.set_title(name, fontsize=9)
    for epoch, value in (reported or {}).items():
        axes[0].plot(epoch - 0.5, value, "x", color="C3", label=f"source, epoch {epoch}: {value:.1f}")
    if reported:
        axes[0].set_ylim(axes[0].get_ylim()[0], max(axes[0].get_ylim()[1], *(1.02 * value for value in reported.values())))
        axes[0].legend(fontsize=7)
    figure.suptitle(f"{title}: training batches", fontsize=9)
    return figure


def signals(history: pd.DataFrame, title: str) -> Figure:
    """Learning rate, norm of the gradient, and the objective's weights where they move."""
    moving = [
        name for name in SIGNALS if name in history and (name in ("learning_rate", "grad_norm") or history[name].nunique() > 1)
    ]
    figure, axes = _row(len(moving))
    for axis, name in zip(axes, moving, strict=True):
        known = history.dropna(subset=[name])
        axis.plot(known["epoch"], known[name], linewidth=0.8)
        _label(axis, SIGNALS[name])
        if name == "grad_norm" and (known[name] > 0).any():
            axis.set_yscale("log")
    figure.suptitle(title, fontsize=9)
    return figure


def parameter_norms(epochs: Sequence[float], norms: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Norm of every weight relative to its start, encoder and decoder apart; at most 12 lines each."""
    figure, axes = _row(2)
    for axis, side in zip(axes, ("encoder", "decoder"), strict=True):
        names = [name for name in norms[0] if name.startswith(side)]
        for name in names[:: max(1, len(names) // 12)]:
            relative = [each[name] / max(norms[0][name], 1e-12) for each in norms]
            axis.plot(epochs, relative, marker=".", label=name.removeprefix(f"{side}.").removesuffix(".weight"))
        _label(axis, f"{side}: ‖W‖ / ‖W at start‖")
        axis.legend(fontsize=6, ncols=2, title="layer", title_fontsize=6)
    figure.suptitle(title, fontsize=9)
    return figure


def sample_quality(
    epochs: Sequence[float], scores: Sequence[Mapping[str, float]], real: Mapping[str, float], title: str
) -> Figure:
    """Fréchet distance and inception score by the small classifier, with what real test pictures get."""
    figure, axes = _row(len(real))
    for axis, name in zip(axes, real, strict=True):
        axis.plot(epochs, [each[name] for each in scores], marker="o", label="samples")
        axis.axhline(real[name], linestyle="--", color="grey", label=f"real pictures: {real[name]:.3g}")
        _label(axis, name.replace("_", " "))
        axis.legend(fontsize=7)
    axes[0].set_yscale("log")
    figure.suptitle(f"{title} (by a small classifier trained here, not Inception's)", fontsize=9)
    return figure


def range_test(rates: NDArray[np.float64], smooth: NDArray[np.float64], suggestion: float | None, title: str) -> Figure:
    """Smoothed loss over the learning rate, with the suggested one."""
    figure, axes = _row(1, width=5.0)
    axes[0].semilogx(rates, smooth)
    low, start = float(np.nanmin(smooth)), float(smooth[0])
    axes[0].set_ylim(low - 0.1 * (start - low), start + 0.3 * (start - low))
    if suggestion is not None:
        axes[0].axvline(suggestion, linestyle="--", color="C3", label=f"steepest descent: {suggestion:.2g}")
        axes[0].legend(fontsize=8)
    axes[0].set_xlabel("learning rate")
    axes[0].set_ylabel("smoothed loss (nats per image)")
    figure.suptitle(title, fontsize=9)
    return figure


def epoch_averages(history: pd.DataFrame) -> pd.DataFrame:
    """Losses averaged over each whole epoch, weighted by steps; the index is the epoch's number, from 1."""
    steps = history["step"].diff().fillna(history["step"])
    epoch = np.ceil(history["epoch"] - 1e-9).astype(int).clip(lower=1)
    columns = history[["loss", "recon", "kl"]]
    sums = columns.mul(steps, axis=0).groupby(epoch).sum()
    return sums.div(steps.groupby(epoch).sum(), axis=0)


def _row(count: int, width: float = 3.6) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * count, 3.0), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _label(axis: Axes, name: str) -> None:
    axis.set_xlabel("epoch")
    axis.set_ylabel(name)


def _limits(values: pd.Series) -> tuple[float, float]:
    """The range without the first few reports, whose height would flatten the rest; a little room around."""
    late = values.iloc[max(1, len(values) // 50) :] if len(values) > 3 else values
    late = late[np.isfinite(late)]
    if late.empty:
        return 0.0, 1.0
    low, high = float(late.min()), float(late.max())
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room
