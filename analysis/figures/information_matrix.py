"""What each latent knows about each factor: mutual information as a share of the factor's entropy.

    share(d, f) = I(z_d; v_f) / H(v_f)     20 equal-width bins a latent, as MIG computes it (Chen et al. 2018)

A disentangled model has one bright cell a column; MIG is the mean gap between the two brightest cells of a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.figures.style import current
from study.evidence.information import entropies, mutual_information

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["information_matrix", "information_table"]


def information_table(codes: NDArray[np.floating], factors: NDArray[np.integer], names: Sequence[str]) -> pd.DataFrame:
    """Latents × factors, shares in 0 … 1, from codes (N, D) and factors (N, F) of the same images."""
    shares = mutual_information(codes, factors) / entropies(factors)
    return pd.DataFrame(shares, columns=list(names), index=[f"z{latent}" for latent in range(codes.shape[1])])


def information_matrix(table: pd.DataFrame, title: str = "", *, ax: Axes | None = None) -> Axes:
    """table: of `information_table`."""
    import seaborn as sns

    ax = current(ax)
    sns.heatmap(
        table, vmin=0, vmax=1, cmap="mako", annot=True, fmt=".2f", linewidths=0.5, ax=ax, annot_kws={"fontsize": 7},
        cbar_kws={"label": "I(latent; factor) / H(factor)"},
    )  # fmt: skip
    ax.tick_params(length=0)
    ax.set_yticklabels(table.index, rotation=0)
    ax.set_xticklabels([name.replace("_", " ") for name in table.columns], rotation=35, ha="right")
    ax.set_title(title, fontsize=9, fontweight="normal")
    return ax
