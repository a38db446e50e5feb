"""What a run tells at every report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """Means over the steps since the last report, on training batches.  Losses in nats per image."""

    step: int
    progress: float
    loss: float
    recon: float
    kl: float
    kl_per_latent: tuple[float, ...]
    grad_norm: float
    learning_rate: float
    weights: dict[str, float]
    seconds: float
    """Training time so far, this run's earlier lives included."""

    def row(self) -> dict[str, Any]:
        """Flat, for tables and TensorBoard."""
        return {**{k: v for k, v in vars(self).items() if k != "weights"}, **self.weights}
