"""β-TCVAE on dSprites (Chen et al. 2018): how much weight on the total correlation?

The field's grid is β 1, 2, 4, 6, 8, 10 (Locatello et al. 2019) with its convolutional network, 10 latents, Adam 1e-4 and batch
64; `--sampler list` runs exactly that.  The search itself also varies learning rate, batch size and the weights of the batch's
estimate of q(z), whose bias depends on the batch size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="β-TCVAE on dSprites: reconstruction against MIG",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units", "total_correlation"),
    budgets={
        "smoke": Budget(trials=3, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=12, steps=1_200, points=15_000, purpose="a first look at the trade-off on two CPU cores"),
        "full": Budget(trials=60, steps=300_000, points=15_000, purpose="the field's protocol, on GPUs"),
    },
    start=(
        # Chen et al.'s choice for dSprites.
        {"beta_tcvae/beta": 6.0, "beta_tcvae/sampling": "weighted", "architecture": "burgess", "latent_dim": 10,
         "batch_size": 64, "learning_rate": 1e-3},
        # Of the published Burgess models the one with the fewest latents in use at a good reconstruction.
        {"beta_tcvae/beta": 6.4, "beta_tcvae/sampling": "stratified", "architecture": "burgess", "latent_dim": 10,
         "batch_size": 64, "learning_rate": 5e-4},
    ),
    grid={
        "beta_tcvae/beta": (1.0, 2.0, 4.0, 6.0, 8.0, 10.0),
        "beta_tcvae/sampling": ("weighted",),
        "architecture": ("locatello",),
        "latent_dim": (10,),
        "batch_size": (64,),
        "learning_rate": (1e-4,),
    },
)  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: the objective's own, then architecture, latent size, batch size and learning rate."""
    return {
        "objective": "beta_tcvae",
        "objective_options": {
            "beta": trial.suggest_float("beta_tcvae/beta", 1.0, 10.0),
            "sampling": trial.suggest_categorical("beta_tcvae/sampling", ["weighted", "stratified"]),
        },
        "architecture": trial.suggest_categorical("architecture", ["broadcast", "burgess", "cnn", "locatello", "mlp"]),
        "latent_dim": trial.suggest_int("latent_dim", 6, 16, step=2),
        "training": {
            "batch_size": trial.suggest_categorical("batch_size", [64, 128, 256]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 2e-3, log=True),
        },
    }
