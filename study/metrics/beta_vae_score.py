"""β-VAE score (Higgins et al. 2017, §3): which factor do 64 pairs of images share?

    x = mean over 64 pairs of |z₁ − z₂|   →   a linear classifier says which factor was the same in each pair

Test accuracy, range 0 … 1, guessing gives 1/F; higher is better.  It saturates: a plain VAE can pass 0.95.  Cost: 1 s.

As in disentanglement_lib: scikit-learn's LogisticRegression on the unscaled mean differences, 10,000 train and 5,000
test vectors.  Of each pair, the first image is drawn from all rows and the second from those that share the value: the
same distribution for a whole grid.  Unchanged by permuting or shifting latents; scaling matters through the
classifier's penalty.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from study.evidence.points import FactorRows, Points, check_codes
from study.metrics._metric import Metric

__all__ = ["METRIC", "beta_vae_score", "compute"]

METRIC = Metric(
    family="codes",
    keys=("beta_vae_score",),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    least_factors=2,
    titles={"beta_vae_score": "β-VAE score"},
    group="disentanglement",
)
CHUNK = 500


def beta_vae_score(
    codes: NDArray[np.floating],
    factors: NDArray[np.integer],
    seed: int = 0,
    *,
    vectors: tuple[int, int] = (10_000, 5_000),
    pairs: int = 64,
) -> float:
    """The score of codes (N, D) and factors (N, F), F ≥ 2: a whole grid or a sample.  `pairs`: behind one vector.

    Raises `UserError` for input that breaks a rule.

    >>> factors = np.stack(np.unravel_index(np.arange(216), (6, 6, 6)), axis=1)
    >>> own = factors.astype(float)  # a latent for each factor
    >>> mixed = own @ np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])  # every latent holds two or three
    >>> few = {"vectors": (500, 200)}
    >>> beta_vae_score(own, factors, **few), round(beta_vae_score(mixed, factors, **few), 1)
    (1.0, 0.9)
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    check_codes(codes, factors, least_factors=2)
    rng = np.random.default_rng([seed, 2])
    rows = FactorRows(factors)
    train, test = (_differences(codes, rows, rng, count, pairs) for count in vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 iterations are the protocol
        classifier = LogisticRegression().fit(*train)
    return float(classifier.score(*test))


def compute(points: Points, seed: int) -> dict[str, float]:
    return {"beta_vae_score": beta_vae_score(points.codes, points.factors, seed)}


def _differences(
    codes: NDArray[np.floating], rows: FactorRows, rng: np.random.Generator, count: int, pairs: int
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Mean absolute differences (count, D) and the factor that each shares (count,)."""
    shared = np.sort(rng.integers(0, rows.factors, count))
    parts = []
    for factor, number in enumerate(np.bincount(shared, minlength=rows.factors)):
        for start in range(0, number, CHUNK):
            first = rng.integers(0, rows.count, min(CHUNK, number - start) * pairs)
            second = rows.sharing(factor, first, rng, 1)[:, 0]
            parts.append(np.abs(codes[first] - codes[second]).reshape(-1, pairs, codes.shape[1]).mean(axis=1))
    return np.concatenate(parts), shared
