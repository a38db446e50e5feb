"""Mutual information of binned codes with factors, as the published metrics estimate it.

I(z_d; v_f) = Σ_ij p_ij log(p_ij / (p_i p_j))     nats; p_ij the joint histogram of bin i and factor value j
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "binned", "entropies", "gaps", "modularities", "mutual_information"]

BINS = 20

Floats = NDArray[np.float64]


def binned(codes: NDArray[np.floating], bins: int = BINS) -> NDArray[np.int64]:
    """Bin numbers 0 … bins − 1 of every latent, (N, D): equal-width bins over the latent's own range.

    One outlier widens all bins; that is so in the published numbers as well.  A constant latent falls into one bin.
    """
    edges = [np.histogram_bin_edges(column, bins)[:-1] for column in codes.T]
    return np.stack([np.digitize(column, edge) - 1 for column, edge in zip(codes.T, edges, strict=True)], axis=1)


def mutual_information(codes: NDArray[np.floating], factors: NDArray[np.integer], bins: int = BINS) -> Floats:
    """I(z_d; v_f) of codes (N, D) with factors (N, F), in nats, shape (D, F)."""
    numbers = binned(codes, bins)
    values = [np.unique(column, return_inverse=True)[1] for column in factors.T]
    return np.array([[_information(number, value, bins) for value in values] for number in numbers.T])


def entropies(factors: NDArray[np.integer]) -> Floats:
    """H(v_f) of the sample, in nats, shape (F,)."""
    return np.array([_entropy(np.unique(column, return_counts=True)[1]) for column in factors.T])


def gaps(codes: NDArray[np.floating], factors: NDArray[np.integer]) -> Floats:
    """[I(z_(1); v_f) − I(z_(2); v_f)] / H(v_f) of every factor, (F,): what the best latent knows beyond the second best."""
    ordered = np.sort(mutual_information(codes, factors), axis=0)
    return np.asarray((ordered[-1] - ordered[-2]) / entropies(factors))


def modularities(codes: NDArray[np.floating], factors: NDArray[np.integer]) -> Floats:
    """1 − Σ_{f ≠ f*} I(z_d; v_f)² / ((F − 1) I(z_d; v_f*)²) of every latent, (D,); 0 for a latent that knows nothing."""
    squared = mutual_information(codes, factors) ** 2
    best = squared.max(axis=1)
    others = (squared.sum(axis=1) - best) / (factors.shape[1] - 1)
    return np.where(best > 0, 1 - others / np.where(best > 0, best, 1), 0)


def _information(number: NDArray[np.int64], value: NDArray[np.int64], bins: int) -> float:
    joint = np.bincount(number * (value.max() + 1) + value, minlength=bins * (value.max() + 1)).reshape(bins, -1)
    information = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1)) - _entropy(joint.ravel())
    return max(information, 0.0)  # rounding can leave −1e−16


def _entropy(counts: NDArray[np.int64]) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())
