"""Unsupervised disentanglement ranking (Duan et al. 2020): seeds that found the same latents found real ones.

For each pair of seeds (i, j) of one configuration, R (D, D) says how strongly each latent of i goes with each of j, over the
latents whose mean KL exceeds 0.01 nats:

    udr            R_ab = |weight of latent a in a Lasso (α = 0.1) that predicts latent b|
    udr_spearman   R_ab = |rank correlation|

    UDR_ij = ½ [mean_b (max_a R_ab)² / Σ_a R_ab + mean_a (max_b R_ab)² / Σ_b R_ab]

A seed's score is the median over its pairs; the configuration's value is the median over seeds.  Range 0 … 1, higher is
better.  No factors or labels are read.  Cost: well under a second for five seeds.

As in disentanglement_lib's `udr_sklearn`: standardised encoder means, at most 1,000 images, column i of UDR for seed i.  A pair
without a common informative latent scores 0 (there: NaN with a warning).  Unchanged by permuting, scaling and flipping latents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from models.errors import UserError
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute", "lasso_weights", "spearman", "udr"]

IMAGES = 1_000
INFORMATIVE = 0.01
"""Nats of mean KL above which a latent takes part."""

METRIC = Metric(
    family="seeds",
    keys=("udr", "udr_spearman"),
    direction="maximize",
    range=(0, 1),
    cost="seconds",
    points=IMAGES,
    titles={"udr": "UDR", "udr_spearman": "UDR, Spearman"},
)

Floats = NDArray[np.float64]


def lasso_weights(a: Floats, b: Floats) -> Floats:
    """|weights| (D, E) of the Lasso that predicts codes b (N, E) from codes a (N, D), both standardised."""
    from sklearn.linear_model import Lasso

    weights: Floats = np.abs(np.atleast_2d(Lasso(alpha=0.1).fit(a, b).coef_)).T
    return weights


def spearman(a: Floats, b: Floats) -> Floats:
    """|rank correlations| (D, E) of codes a (N, D) with codes b (N, E)."""
    ranks = [_standardised(scipy.stats.rankdata(codes, axis=0)) for codes in (a, b)]
    correlations: Floats = np.abs(ranks[0].T @ ranks[1]) / len(a)
    return correlations


def udr(
    codes: Sequence[NDArray[np.floating]],
    kls: Sequence[NDArray[np.floating]],
    relation: Callable[[Floats, Floats], Floats] = lasso_weights,
) -> Floats:
    """The score of each of S ≥ 2 seeds, (S,), from its codes (N, D) of the same N images and mean KLs (D,).

    Raises `UserError` for fewer than two seeds, different numbers of images, or codes that are not finite.

    >>> codes = np.random.default_rng(0).standard_normal((500, 2))
    >>> turned = codes @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    >>> kl = np.ones(2)
    >>> udr([codes, -codes[:, ::-1]], [kl, kl]).round(1).tolist()  # the same latents in another order: .9 is the Lasso's best
    [0.9, 0.9]
    >>> udr([codes, turned], [kl, kl]).round(1).tolist()  # the same plane on other axes
    [0.3, 0.3]
    """
    if len(codes) < 2:
        raise UserError(f"UDR needs at least 2 seeds of a configuration, but got {len(codes)}")
    if len({len(code) for code in codes}) > 1:
        raise UserError(f"UDR needs the same images for all seeds, but got {[len(code) for code in codes]} of them")
    if not all(np.isfinite(code).all() for code in codes):
        raise UserError("codes must be finite, but those of at least one seed are not")
    used = [
        _standardised(np.asarray(code, np.float64)[:, kl > INFORMATIVE]) if (kl > INFORMATIVE).any() else None
        for code, kl in zip(codes, kls, strict=True)
    ]
    seeds = range(len(codes))
    scores = [[_agreement(used[i], used[j], relation) for i in seeds if i != j] for j in seeds]
    return np.median(scores, axis=1)


def compute(encodings: Sequence[Encoding], seed: int) -> dict[str, float]:
    codes = [encoding.mu[:IMAGES] for encoding in encodings]
    kls = [encoding.kl.mean(axis=0) for encoding in encodings]
    relations = {"udr": lasso_weights, "udr_spearman": spearman}
    return {key: float(np.median(udr(codes, kls, relation))) for key, relation in relations.items()}


def _standardised(codes: Floats) -> Floats:
    """Each latent with mean 0 and variance 1."""
    from sklearn.preprocessing import StandardScaler

    standardised: Floats = StandardScaler().fit_transform(codes)
    return standardised


def _agreement(a: Floats | None, b: Floats | None, relation: Callable[[Floats, Floats], Floats]) -> float:
    if a is None or b is None:
        return 0.0
    strength = relation(a, b)
    return 0.5 * (_one_to_one(strength) + _one_to_one(strength.T))


def _one_to_one(strength: Floats) -> float:
    """Mean over columns of max² / sum; 0 for a column that nothing goes with."""
    total = strength.sum(axis=0)
    return float(np.mean(np.where(total > 0, strength.max(axis=0) ** 2 / np.where(total > 0, total, 1), 0)))
