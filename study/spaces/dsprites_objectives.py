"""Every objective on dSprites, everything else being equal: which loses least of the picture, and which tells the factors apart?

    python -m study.run --space dsprites_objectives --sampler list --replicates 5

trains each of the settings below with the same network, latent size, learning rate, steps and, seed by seed, the same initial
weights and batches.  A search (`tpe`) varies network, latent size and learning rate as well.

Each objective has its authors' setting, or one that pays a KL like theirs in short runs.  The learned σ (Rybkin et al. 2021) is
missing: its `recon` is a density's, which cannot be compared with a Bernoulli's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._knobs import networks
from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "vae": ("beta_vae", {"beta": 1.0}),
    "beta_4": ("beta_vae", {"beta": 4.0}),
    "beta_warmup": ("beta_vae", {"beta": 4.0, "schedule": "warmup", "window": 0.5}),
    "beta_cyclic": ("beta_vae", {"beta": 4.0, "schedule": "cyclic"}),
    "beta_decay": ("beta_vae", {"beta": 2.0, "beta_start": 16.0, "schedule": "decay"}),
    "capacity": ("capacity", {"gamma_max": 10.0, "capacity_max": 18.0, "anneal_fraction": 0.6}),
    "capacity_decay": ("capacity", {"gamma_max": 10.0, "gamma_min": 2.0, "capacity_max": 18.0, "anneal_fraction": 0.6}),
    "control_vae": ("control_vae", {"capacity_max": 18.0, "anneal_fraction": 0.6, "ki": 0.01}),
    "beta_tcvae": ("beta_tcvae", {"beta": 6.0}),
    "factor_vae": ("factor_vae", {"gamma": 10.0, "hidden": 256}),
    "dip_vae_i": ("dip_vae", {"variant": "I", "lambda_od": 10.0}),
    "dip_vae_ii": ("dip_vae", {"variant": "II", "lambda_od": 10.0}),
    "info_vae": ("info_vae", {"alpha": 0.5, "lambda_mmd": 1000.0}),
    "free_bits": ("free_bits", {"free_nats": 0.25}),
}

SPACE = Space(
    purpose="Every objective on dSprites with the same network and seeds (--sampler list)",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units", "dci_forest", "total_correlation"),
    budgets={
        "smoke": Budget(trials=2, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=14, steps=1_500, points=15_000, purpose="one seed of each on two CPU cores"),
        "full": Budget(trials=14, steps=100_000, points=15_000, purpose="a third of the field's protocol, on GPUs"),
    },
    grid={
        "setting": tuple(SETTINGS),
        "architecture": ("burgess",),
        "latent_dim": (10,),
        "learning_rate": (1e-3,),
    },
    paired="setting",
)


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: the setting, then architecture, latent size and learning rate."""
    objective, options = SETTINGS[trial.suggest_categorical("setting", list(SETTINGS))]
    return {"objective": objective, "objective_options": options, **networks(trial)}
