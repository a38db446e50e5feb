"""The NumPy VAE's own figures: is its gradient right, and what does writing it oneself cost?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.reproduction.numpy_cost import Cost

__all__ = ["costs", "gradient_check"]


def gradient_check(errors: Mapping[str, NDArray[np.float64]], title: str) -> Figure:
    """Relative error of the gradients against finite differences, over the step size: arrays `h`, `central`, `forward`."""
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    for kind, order in (("central", "h²"), ("forward", "h")):
        axis.loglog(errors["h"], errors[kind], marker=".", label=f"{kind} difference, error ∝ {order} on the right")
    axis.set_xlabel("step size h")
    axis.set_ylabel("relative error, median of parameters")
    axis.legend(fontsize=7)
    axis.set_title("rounding on the left, curvature on the right", fontsize=8)
    figure.suptitle(title, fontsize=9)
    return figure


def costs(measured: Sequence[Cost], title: str) -> Figure:
    """Time of a step and memory that the steps add, NumPy beside PyTorch."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    networks = list(dict.fromkeys(cost.network for cost in measured))
    value: dict[tuple[str, str], tuple[float, float]] = {
        (c.library, c.network): (1e3 * c.seconds_per_step, c.step_mb) for c in measured
    }
    for panel, (axis, name) in enumerate(zip(figure.subplots(1, 2), ("ms a step", "MB that the steps add"), strict=True)):
        for place, library in enumerate(("numpy", "torch")):
            heights = [value[library, network][panel] for network in networks]
            bars = axis.bar(np.arange(len(networks)) + 0.4 * place - 0.2, heights, width=0.38, label=library)
            axis.bar_label(bars, fmt="%.3g", fontsize=8)
        axis.set_xticks(range(len(networks)), networks)
        axis.set_ylabel(name)
        axis.margins(y=0.15)
        axis.legend(fontsize=8)
    figure.suptitle(f"{title}, batch {measured[0].batch_size}", fontsize=9)
    return figure
