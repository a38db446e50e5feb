"""ACR in short form: squared distance to the centre after batch normalisation of the encoder's means.

    s(x) = Σ_d (μ_d(x) − mean_B μ_d)² / (var_B μ_d + ε)

Li et al. 2023 ("Zero-shot anomaly detection via batch normalization", NeurIPS, arXiv:2302.07849) adapt a network to a new
batch by nothing but its batch-normalisation layers, and score by the distance to a fixed centre (deep SVDD).  Here the frozen
encoder takes the place of their network, one such layer stands behind it, and their meta-training over many distributions is
left out: what remains is the adaptation itself.  Mean and variance are plain, as in the paper, so odd pictures pull them.
"""

from __future__ import annotations

from models.outlier_scores._contract import Batch, Rows, Scores

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = True
COST = "linear"

EPSILON = 1e-5
"""Of PyTorch's BatchNorm1d."""


def score(batch: Batch, context: Rows) -> Scores:
    """Squared standard deviations, one part a latent."""
    centre, variance = batch.mu[context].mean(axis=0), batch.mu[context].var(axis=0)
    return Scores.additive((batch.mu - centre) ** 2 / (variance + EPSILON))
