"""FactorVAE score (Kim & Mnih 2018, §4): fix one factor; which latent then varies least?

    vote = argmin_d  Var(z_d over 64 images that share v_f) / Var(z_d over all images)

A table from the winning latent to its most frequent factor, made from 10,000 votes, is scored on 5,000 others.  Range 0 … 1,
higher is better; guessing gives 1/F.  Cost: 1 s.

As in disentanglement_lib with its published settings: latents with a standard deviation below 0.05 take no part (the
threshold is in its settings files only; the code's default, 0, keeps dead latents, whose ratio is noise).  A model without
any active latent scores 0, as there.  The 64 images are drawn with replacement from all rows with that value: the same
distribution for a whole grid; in a sample, a rare value repeats images.  Unchanged by permuting latents; scaling
them matters only through the threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.evidence.points import ACTIVE, TRAIN, FactorRows, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "factor_vae_score"]

METRIC = Metric(
    family="codes",
    keys=("factor_vae_score",),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    least_factors=2,
    titles={"factor_vae_score": "FactorVAE score"},
    group="disentanglement",
    speaks=("factor_vae_score",),
)
CHUNK = 500


def factor_vae_score(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    seed: int = 0,
    *,
    votes: tuple[int, int] = (10_000, 5_000),
    width: int = 64,
) -> float:
    """The score of codes (N, D) and factors (N, F), F ≥ 2: a whole grid or a sample.  `width`: images behind one vote.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> few = {"votes": (500, 200)}
    >>> factor_vae_score(own, factors, **few), round(factor_vae_score(mixed, factors, **few), 1)
    (1.0, 0.8)
    """
    check_codes(codes, factors, least_factors=2)
    rng = np.random.default_rng([seed, 1])
    few = codes[rng.integers(0, len(codes), TRAIN)]
    variances = np.var(few, axis=0, ddof=1, dtype=np.float64)
    active = np.sqrt(variances) >= ACTIVE
    if not active.any():
        return 0.0
    scaled = codes[:, active] / np.sqrt(variances[active])
    rows = FactorRows(factors)
    table, test = (_votes(scaled, rows, rng, count, width) for count in votes)
    return float(test[table.argmax(axis=0), np.arange(scaled.shape[1])].sum() / test.sum())


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"factor_vae_score": factor_vae_score(points.codes, points.factors, seed)}


def _votes(scaled: NDArray[np.floating], rows: FactorRows, rng: np.random.Generator, count: int, width: int) -> NDArray[np.int64]:
    """How often fixing each factor made each latent vary least: (F, D)."""
    found = np.zeros((rows.factors, scaled.shape[1]), dtype=np.int64)
    for factor, number in enumerate(np.bincount(rng.integers(0, rows.factors, count), minlength=rows.factors)):
        for start in range(0, number, CHUNK):
            first = rng.integers(0, rows.count, min(CHUNK, number - start))
            batch = scaled[rows.sharing(factor, first, rng, width)]  # (votes, width, D)
            found[factor] += np.bincount(batch.var(axis=1).argmin(axis=1), minlength=scaled.shape[1])
    return found
