"""Which model ranks odd pictures best, and what does it cost: reconstruction, MIG and outlier AP searched together.

A ranking needs codes in which every factor can be seen (reconstruction), and an explanation needs one latent a factor
(disentanglement).  β-VAE and its warm-up against the capacity objective, over architecture, latent size and learning rate; the
recorded DCI, context gain and explanation hit are for `python -m analysis.disentanglement`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._knobs import networks
from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="Ranking odd pictures on dSprites: reconstruction, MIG and outlier average precision together",
    dataset="dsprites",
    metrics=("recon", "mig", "outlier_ap"),
    also=("kl", "active_units", "dci_forest", "outlier_auroc", "context_gain", "explanation_hit"),
    budgets={
        "smoke": Budget(trials=3, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=18, steps=1_500, points=15_000, purpose="a first look on two CPU cores"),
        "full": Budget(trials=100, steps=100_000, points=15_000, purpose="enough trials to compare kinds of models, on GPUs"),
    },
    start=(
        # A plain VAE keeps the most information about every factor, β = 4 trades it for independent latents.
        {"objective": "beta_vae", "beta_vae/beta": 1.0, "beta_vae/schedule": "constant", "architecture": "burgess",
         "learning_rate": 1e-3, "latent_dim": 10},
        {"objective": "beta_vae", "beta_vae/beta": 4.0, "beta_vae/schedule": "constant", "architecture": "burgess",
         "learning_rate": 1e-3, "latent_dim": 10},
        {"objective": "capacity", "capacity/gamma_max": 10.0, "capacity/capacity_max": 25.0, "architecture": "burgess",
         "learning_rate": 5e-4, "latent_dim": 10},
    ),
    grid={
        "objective": ("beta_vae",),
        "beta_vae/schedule": ("constant",),
        "beta_vae/beta": (1.0, 2.0, 4.0, 8.0),
        "architecture": ("burgess", "locatello"),
        "latent_dim": (10,),
        "learning_rate": (1e-3,),
    },
)  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: objective and its own, then architecture, latent size and learning rate."""
    objective = trial.suggest_categorical("objective", ["beta_vae", "capacity"])
    options = _beta_vae(trial) if objective == "beta_vae" else _capacity(trial)
    return {"objective": objective, "objective_options": options, **networks(trial)}


def _beta_vae(trial: optuna.Trial) -> dict[str, Any]:
    options: dict[str, Any] = {
        "beta": trial.suggest_float("beta_vae/beta", 0.5, 8.0, log=True),
        "schedule": trial.suggest_categorical("beta_vae/schedule", ["constant", "warmup"]),
    }
    if options["schedule"] == "warmup":
        options["window"] = trial.suggest_float("beta_vae/window", 0.25, 1.0)
    return options


def _capacity(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "gamma_max": trial.suggest_float("capacity/gamma_max", 2.0, 30.0, log=True),
        "capacity_max": trial.suggest_float("capacity/capacity_max", 5.0, 30.0),
    }
