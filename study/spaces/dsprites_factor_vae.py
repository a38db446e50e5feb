"""FactorVAE on dSprites (Kim & Mnih 2018): how much weight on the discriminator's total correlation?

The field's grid is γ 10, 20, 30, 40, 50, 100 (Locatello et al. 2019) with its convolutional network, 10 latents, Adam 1e-4 and
batch 64; `--sampler list` runs exactly that.  The discriminator of 6 × 1000 units costs more than the VAE on a CPU, so the
search may also take a smaller one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="FactorVAE on dSprites: reconstruction against MIG",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units", "total_correlation"),
    budgets={
        "smoke": Budget(trials=3, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=12, steps=1_200, points=15_000, purpose="a first look at the trade-off on two CPU cores"),
        "full": Budget(trials=60, steps=300_000, points=15_000, purpose="the field's protocol, on GPUs"),
    },
    start=(
        # The weight of the published Burgess model with 9 latents in use.
        {"factor_vae/gamma": 6.4, "factor_vae/hidden": 1000, "architecture": "burgess", "latent_dim": 10,
         "learning_rate": 1e-3},
        # Kim & Mnih's best on dSprites lies between 20 and 40.
        {"factor_vae/gamma": 35.0, "factor_vae/hidden": 1000, "architecture": "burgess", "latent_dim": 10,
         "learning_rate": 1e-4},
    ),
    grid={
        "factor_vae/gamma": (10.0, 20.0, 30.0, 40.0, 50.0, 100.0),
        "factor_vae/hidden": (1000,),
        "architecture": ("locatello",),
        "latent_dim": (10,),
        "learning_rate": (1e-4,),
    },
)  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: the objective's own, then architecture, latent size and learning rate; batches of 64 as in the protocol."""
    return {
        "objective": "factor_vae",
        "objective_options": {
            "gamma": trial.suggest_float("factor_vae/gamma", 5.0, 100.0, log=True),
            "hidden": trial.suggest_categorical("factor_vae/hidden", [1000, 256]),
        },
        "architecture": trial.suggest_categorical("architecture", ["broadcast", "burgess", "cnn", "locatello", "mlp"]),
        "latent_dim": trial.suggest_int("latent_dim", 6, 16, step=2),
        "training": {"batch_size": 64, "learning_rate": trial.suggest_float("learning_rate", 1e-4, 2e-3, log=True)},
    }
