"""KL(q(z|x) ‖ N(0, I)), nats: how much the model had to say about a picture.  Context-free: a baseline."""

from __future__ import annotations

from models.outlier_scores._contract import Batch, Rows, Scores

__all__ = ["CONTEXT", "NEEDS", "score"]

NEEDS = ()
CONTEXT = False


def score(batch: Batch, context: Rows) -> Scores:
    """Parts: ½(mu² + σ² − 1 − log σ²) of each latent."""
    return Scores.additive(0.5 * (batch.mu**2 + batch.variance - 1 - batch.logvar))
