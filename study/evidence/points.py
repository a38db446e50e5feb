"""Codes with their factors, checked once, and the points of them that the protocol uses.

disentanglement_lib (Locatello et al. 2019) draws 10,000 train and 5,000 test points from the whole factor grid, with
replacement.  Here the codes of the grid, or of a sample of it, exist already, and a metric gets row numbers into them:

    a grid (≥ 150,000 rows)   independent draws, as published: a test point is then seldom (≤ 7 %) a train point as well
    a smaller sample          disjoint parts, at most 10,000 and 5,000 rows; two thirds and one third below 15,000 rows
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

__all__ = ["ACTIVE", "LEAST_POINTS", "TEST", "TRAIN", "FactorRows", "Points", "check_codes"]

TRAIN, TEST = 10_000, 5_000
GRID = 10 * (TRAIN + TEST)
LEAST_POINTS = 400
"""20 points in each of the 20 bins of a latent.  Below, the plug-in estimates of mutual information are mostly bias."""

ACTIVE = 0.05
"""Standard deviation of a latent's mean below which disentanglement_lib's settings count the latent as dead."""

Codes = NDArray[np.floating]
Factors = NDArray[np.integer]


def check_codes(codes: Codes, factors: Factors, *, least_points: int = 1, least_latents: int = 1, least_factors: int = 1) -> None:
    """codes: finite, (N, D).  factors: integers, (N, F), at least two values each.

    Raises `UserError` that states the broken rule and the value.
    """
    if codes.ndim != 2 or codes.shape[1] < least_latents:
        raise UserError(f"codes of shape (N, D) with D >= {least_latents} must be given, but got shape {codes.shape}")
    if factors.ndim != 2 or not np.issubdtype(factors.dtype, np.integer):
        raise UserError(f"integer factors of shape (N, F) must be given, but got {factors.dtype} of shape {factors.shape}")
    if factors.shape[1] < least_factors:
        raise UserError(f"at least {least_factors} factors must be given, but got {factors.shape[1]}")
    if len(codes) != len(factors):
        raise UserError(f"codes and factors must have the same length, but got {len(codes)} and {len(factors)}")
    if len(codes) < least_points:
        raise UserError(f"at least {least_points} points must be given, but got {len(codes)}")
    bad = np.flatnonzero(~np.isfinite(codes).all(axis=1))
    if len(bad):
        raise UserError(f"codes must be finite, but {len(bad)} of {len(codes)} rows are not (the first is row {bad[0]})")
    constant = np.flatnonzero(factors.min(axis=0) == factors.max(axis=0))
    if len(constant):
        value = factors[0, constant[0]]
        raise UserError(f"every factor must take two values or more, but factor {constant[0]} is always {value}")


@dataclass(frozen=True)
class Points:
    """codes (N, D) and integer factors (N, F) of the same images, and which of them a metric reads.

    Raises `UserError` for arrays that break a rule of `check_codes`, or fewer than 400 points.
    """

    codes: Codes
    factors: Factors
    seed: int = 0

    def __post_init__(self) -> None:
        check_codes(self.codes, self.factors, least_points=LEAST_POINTS)

    @property
    def one(self) -> tuple[Codes, Factors]:
        """The sample of a metric that needs no test points: at most 10,000."""
        return self._take(self._rows[0])

    @property
    def train(self) -> tuple[Codes, Factors]:
        """Codes (n, D) and factors (n, F) to fit on."""
        return self._take(self._rows[1])

    @property
    def test(self) -> tuple[Codes, Factors]:
        """Codes (m, D) and factors (m, F) to score on."""
        return self._take(self._rows[2])

    def _take(self, rows: NDArray[np.int64]) -> tuple[Codes, Factors]:
        return self.codes[rows], self.factors[rows]

    @cached_property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        count = len(self.codes)
        rng = np.random.default_rng(self.seed)
        if count >= GRID:
            train = rng.integers(0, count, TRAIN)
            return train, train, rng.integers(0, count, TEST)
        order = rng.permutation(count)
        cut = min(TRAIN, round(count * TRAIN / (TRAIN + TEST)))
        return order[:TRAIN], order[:cut], order[cut : cut + TEST]


class FactorRows:
    """Row numbers by factor value: draws images that share the value of one factor, from a grid or from a sample."""

    def __init__(self, factors: Factors) -> None:
        self.count, self.factors = factors.shape
        values = [np.unique(column, return_inverse=True)[1] for column in factors.T]
        self._value = np.stack(values, axis=1)
        self._order = [np.argsort(value, kind="stable") for value in values]
        self._start = [np.concatenate([[0], np.cumsum(np.bincount(value))]) for value in values]

    def sharing(self, factor: int, rows: NDArray[np.int64], rng: np.random.Generator, width: int) -> NDArray[np.int64]:
        """For each of `rows` (n,), `width` random rows in which `factor` has the same value: (n, width)."""
        value = self._value[rows, factor]
        low, high = self._start[factor][value], self._start[factor][value + 1]
        return self._order[factor][rng.integers(low[:, None], high[:, None], (len(rows), width))]
