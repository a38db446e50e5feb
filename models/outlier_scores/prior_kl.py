"""KL(q(z|x) ‖ N(0, I)), nats: how much the model had to say about a picture.  Context-free: a baseline."""

from __future__ import annotations

from models.outlier_scores._contract import Batch, Rows, Scores
from models.posterior import kl_to_prior

__all__ = ["CONTEXT", "COST", "NEEDS", "score"]

NEEDS = ()
CONTEXT = False
COST = "linear"


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: ½(mu² + σ² − 1 − log σ²) of each latent."""
    return Scores.additive(kl_to_prior(batch.mu, batch.logvar))
