"""Robust z: how many aggregate standard deviations from the batch's median, squared and summed over latents.

    score(x) = Σᵢ (muᵢ − medᵢ)² / (MADᵢ² + median σᵢ²)

Additive, O(nD), and usable from a handful of pictures, because it estimates two numbers a latent and nothing else.
"""

from __future__ import annotations

from models.outlier_scores._contract import Batch, Rows, Scores
from models.outlier_scores._robust import aggregate_moments

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "linear"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: the squared z of each latent."""
    centre, variance = aggregate_moments(batch, context)
    return Scores.additive((batch.mu - centre) ** 2 / variance)
