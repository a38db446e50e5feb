"""−ELBO at z = mu: Bernoulli −log p(x|mu) plus the KL to the prior, nats.

Context-free.  Likelihoods of generative models prefer simple pictures (Nalisnick et al. 2019; Serrà et al. 2020): the
published AUROC for one held-out MNIST digit is .09.  A baseline here.
"""

from __future__ import annotations

import numpy as np

from models.outlier_scores._contract import Batch, Rows, Scores
from models.posterior import kl_to_prior

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ("pixels", "reconstructions")
CONTEXT = False
COST = "pairs"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: the KL of each latent; rest: the reconstruction term."""
    assert batch.pixels is not None and batch.reconstructions is not None
    x = batch.pixels.astype(np.float64)
    y = np.clip(batch.reconstructions.astype(np.float64), 1e-6, 1 - 1e-6)
    nll = -(x * np.log(y) + (1 - x) * np.log1p(-y)).sum(axis=1)
    return Scores.additive(kl_to_prior(batch.mu, batch.logvar), nll)
