"""Which metrics of disentanglement go with which metrics of ranking, over the trials of studies that have both.

A correlation over trials of a search is an association among the points it chose, and two causes make both columns move:
a model that sees nothing is bad at either, and with few active latents a guess names the right one more often.  So each
rank correlation is also given with `recon`, and with `active_units`, held fixed (partial rank correlation).

    intervals   Bonett & Wright's (2000, Psychometrika 65:23): tanh(atanh ρ ± 1.96 · √((1 + ρ²/2) / (n − 3)))
    p           two-sided, t = ρ √(f / (1 − ρ²)) with f = n − 2 − (causes held) degrees of freedom, adjusted by Holm (1979) over
                all pairs of the table: one false claim in a table of nothing but chance has a probability of at most 5 %
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.tables.crossed import holm
from models.errors import UserError
from study.metrics import speaking

__all__ = ["SPARE", "association_table", "metric_pairs", "p_of_rho", "rank_correlation", "rho_interval"]

LEAST = 8
HELD = {"recon": "recon", "active_units": "active"}
"""What is held fixed, and the end of its columns' names."""

SPARE = ("p_at_recon", "low", "high", "rho_at_recon", "p_at_active")
"""What a narrow screen goes without."""

Floats = NDArray[np.float64]


def association_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a pair: Spearman's ρ with its 95 % interval over trials and its p-value; ρ and p with a common cause held fixed; n.

    Raises `UserError` when no pair has at least 8 trials.
    """
    pairs = metric_pairs(trials)
    if not pairs:
        raise UserError(
            f"at least {LEAST} trials with one of {', '.join(speaking('disentanglement'))} "
            f"and one of {', '.join(speaking('ranking'))} are needed"
        )
    table = pd.DataFrame([_row(trials, x, y) for x, y in pairs])
    for column in table.filter(regex="^p"):
        table[column] = holm(table[column].tolist())
    return table.assign(n=[len(trials[list(pair)].dropna()) for pair in pairs])


def _row(trials: pd.DataFrame, x: str, y: str) -> dict[str, object]:
    values = trials[[x, y]].dropna().to_numpy(dtype=np.float64)
    rho = rank_correlation(values[:, 0], values[:, 1])
    low, high = rho_interval(rho, len(values))
    row = {"disentanglement": x, "ranking": y, "rho": rho, "low": low, "high": high, "p": p_of_rho(rho, len(values))}
    for cause, ending in HELD.items():
        held = trials.reindex(columns=[x, y, cause]).dropna().to_numpy(dtype=np.float64)
        partial = rank_correlation(*held.T) if len(held) >= LEAST else float("nan")
        row |= {f"rho_at_{ending}": partial, f"p_at_{ending}": p_of_rho(partial, len(held), held=1)}
    return row


def rank_correlation(x: Floats, y: Floats, held: Floats | None = None) -> float:
    """Spearman's ρ; with `held`, the partial one: the correlation of what is left of both ranks after regressing on its rank.

    NaN where one of them does not vary, or nothing is left.

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


def p_of_rho(rho: float, n: int, held: int = 0) -> float:
    """Two-sided p-value of "ρ is 0", of n trials and so many causes held fixed; NaN where ρ is unknown.

    >>> round(p_of_rho(0.5, 20), 4), round(p_of_rho(0.5, 20, held=1), 4)
    (0.0248, 0.0293)
    """
    freedom = n - 2 - held
    return float(2 * stats.t.sf(abs(rho) * np.sqrt(freedom / max(1 - rho**2, 1e-12)), freedom))


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
