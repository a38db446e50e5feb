"""Knobs that several spaces share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

__all__ = ["networks"]


def networks(trial: optuna.Trial) -> dict[str, Any]:
    """Architecture, latent size and learning rate, for images of 64×64; the rates live with every objective of these spaces."""
    return {
        "architecture": trial.suggest_categorical("architecture", ["broadcast", "burgess", "cnn", "locatello", "mlp"]),
        "latent_dim": trial.suggest_int("latent_dim", 6, 16, step=2),
        "training": {"learning_rate": trial.suggest_float("learning_rate", 4e-4, 2e-3, log=True)},
    }
