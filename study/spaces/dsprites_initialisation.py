"""Where should training start?  How many runs leave the mean image behind, and what becomes of MIG, by initialisation.

    python -m study.run --space dsprites_initialisation --sampler list --replicates 5

trains four settings, two of which die from PyTorch's own weights, from each start.  Batches and noise are the same, seed by seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SETTINGS: dict[str, dict[str, Any]] = {
    "capacity_30": {"objective": "capacity", "objective_options": {"gamma_max": 30.0, "capacity_max": 20.0}},
    "beta_decay": {
        "objective": "beta_vae",
        "objective_options": {"beta": 2.4, "beta_start": 4.2, "schedule": "decay", "window": 0.4},
    },
    "vae": {"objective": "beta_vae", "objective_options": {"beta": 1.0}},
    "beta_8": {"objective": "beta_vae", "objective_options": {"beta": 8.0}},
}
NETWORKS = {"capacity_30": "cnn", "beta_decay": "cnn", "vae": "burgess", "beta_8": "burgess"}
STARTS = ["torch", "mean_pixel", "he"]

SPACE = Space(
    purpose="Initialisation on dSprites: collapse, reconstruction and MIG, paired (--sampler list)",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units"),
    budgets={
        "smoke": Budget(trials=2, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=12, steps=1_500, points=15_000, purpose="four settings from three starts on two CPU cores"),
        "full": Budget(trials=12, steps=100_000, points=15_000, purpose="whether the start still shows in the end, on GPUs"),
    },
    grid={"setting": tuple(SETTINGS), "initialisation": tuple(STARTS), "learning_rate": (1e-3,)},
    paired="initialisation",
)


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: the start, then what its pair has in common."""
    setting = trial.suggest_categorical("setting", list(SETTINGS))
    start = trial.suggest_categorical("initialisation", STARTS)
    rate = trial.suggest_float("learning_rate", 4e-4, 2e-3, log=True)
    training = {"initialisation": start, "learning_rate": rate}
    return {**SETTINGS[setting], "architecture": NETWORKS[setting], "latent_dim": 10, "training": training}
