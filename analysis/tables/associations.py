"""Which metrics of disentanglement go with which metrics of ranking, over the trials of studies that have both.

A correlation over trials of a search is an association among the points it chose.  Reconstruction is a common cause of both:
a model that sees nothing is bad at either.  So each correlation is also given with `recon` held fixed (partial rank correlation).
Intervals are Bonett & Wright's (2000, Psychometrika 65:23): tanh(atanh ρ ± 1.96 · √((1 + ρ²/2) / (n − 3))).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from models.errors import UserError
from study.metrics import speaking

__all__ = ["association_table", "metric_pairs", "rank_correlation", "rho_interval"]

LEAST = 8

Floats = NDArray[np.float64]


def association_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a pair: Spearman's ρ with its 95 % interval over trials, and with `recon` held fixed; n trials.

    Raises `UserError` when no pair has at least 8 trials.
    """
    rows = []
    for x, y in metric_pairs(trials):
        values = trials[[x, y, *(["recon"] if "recon" in trials else [])]].dropna().to_numpy(dtype=np.float64)
        held = rank_correlation(values[:, 0], values[:, 1], values[:, 2]) if values.shape[1] > 2 else float("nan")
        rho = rank_correlation(values[:, 0], values[:, 1])
        low, high = rho_interval(rho, len(values))
        rows.append(
            {"disentanglement": x, "ranking": y, "rho": rho, "low": low, "high": high, "rho_at_recon": held, "n": len(values)}
        )
    if not rows:
        raise UserError(
            f"at least {LEAST} trials with one of {', '.join(speaking('disentanglement'))} "
            f"and one of {', '.join(speaking('ranking'))} are needed"
        )
    return pd.DataFrame(rows)


def rank_correlation(x: Floats, y: Floats, held: Floats | None = None) -> float:
    """Spearman's ρ; with `held`, the partial one: the correlation of what is left of both ranks after regressing on its rank.

    >>> x = np.arange(9.0)
    >>> rank_correlation(x, x**3), round(rank_correlation(x, -x), 9)
    (1.0, -1.0)
    """
    a, b = stats.rankdata(x), stats.rankdata(y)
    if held is not None:
        design = np.stack([np.ones(len(a)), stats.rankdata(held)], axis=1)
        a, b = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float("nan") if scale < 1e-9 else round(float(a @ b) / scale, 12)


def metric_pairs(trials: pd.DataFrame) -> list[tuple[str, str]]:
    def there(x: str, y: str) -> bool:
        return {x, y} <= set(trials.columns) and int(trials[[x, y]].notna().all(axis=1).sum()) >= LEAST

    return [(x, y) for x in speaking("disentanglement") for y in speaking("ranking") if there(x, y)]


def rho_interval(rho: float, n: int) -> tuple[float, float]:
    """95 % interval of a rank correlation of n ≥ 4 trials; NaN where it is unknown.

    >>> tuple(round(end, 2) for end in rho_interval(0.5, 20))
    (0.05, 0.78)
    """
    middle = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    reach = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    return float(np.tanh(middle - reach)), float(np.tanh(middle + reach))
