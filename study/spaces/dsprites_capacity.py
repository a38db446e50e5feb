"""Does γ decay close the reconstruction gap of the capacity objective, and what does it do to disentanglement?

The capacity objective with constant γ (Burgess et al. 2018) pays 25 nats of KL for 4 latents and reconstructs far worse than
a VAE at the same KL; decaying γ is the first source's idea.  This space searches both beside the β-VAE and its schedules,
over architecture, latent size and learning rate, for low reconstruction error and high MIG at once.

Short runs get the most out of their minutes with batches of 32, twice the steps of the field's 64 in the same time, and a
learning rate that goes up and down once (Smith & Topin 2018): a VAE on the field's network is at 56 nats after 2,600 such
steps, at 61 after 1,300 steps of 64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._knobs import networks
from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="β-VAE and capacity objective with γ decay on dSprites: reconstruction against MIG",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("mig", "kl", "negative_elbo", "active_units"),
    budgets={
        "smoke": Budget(trials=3, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=16, steps=2_200, points=15_000, purpose="a first look at the trade-off on two CPU cores"),
        "overnight": Budget(
            trials=32, steps=40_000, points=15_000, purpose="eight hours of two CPU cores, towards the published models"
        ),
        "full": Budget(trials=100, steps=100_000, points=15_000, purpose="the length of Burgess et al.'s annealing, on GPUs"),
    },
    start=(
        # The rate end: a VAE on the field's network, which reconstructs best in short runs.
        {"objective": "beta_vae", "beta_vae/beta": 1.0, "beta_vae/schedule": "constant", "architecture": "locatello",
         "learning_rate": 2e-3, "latent_dim": 14},
        # The first source's CNN run, γ 10 → 2 after the annealing.
        {"objective": "capacity", "capacity/gamma_max": 10.0, "capacity/decay": "after", "capacity/gamma_ratio": 0.2,
         "capacity/gamma_shape": "linear", "capacity/capacity_max": 25.0, "capacity/anneal_fraction": 0.6,
         "architecture": "cnn", "learning_rate": 5e-4, "latent_dim": 10},
        # The same without decay: the pair that the question is about.
        {"objective": "capacity", "capacity/gamma_max": 10.0, "capacity/decay": "none", "capacity/capacity_max": 25.0,
         "capacity/anneal_fraction": 0.6, "architecture": "cnn", "learning_rate": 5e-4, "latent_dim": 10},
        # The disentangled end: a decoder that knows places (Watters et al. 2019) keeps position on its axes in short runs, too.
        {"objective": "beta_vae", "beta_vae/beta": 8.0, "beta_vae/schedule": "constant", "architecture": "broadcast",
         "learning_rate": 1e-3, "latent_dim": 10},
        {"objective": "capacity", "capacity/gamma_max": 30.0, "capacity/decay": "none", "capacity/capacity_max": 20.0,
         "capacity/anneal_fraction": 0.6, "architecture": "broadcast", "learning_rate": 1e-3, "latent_dim": 10},
    ),
    grid={
        "objective": ("beta_vae",),
        "beta_vae/schedule": ("constant",),
        "beta_vae/beta": (1.0, 2.0, 4.0, 6.0, 8.0, 16.0),
        "architecture": ("burgess", "locatello"),
        "latent_dim": (10,),
        "learning_rate": (1e-3,),
    },
)  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: objective and its own, then architecture, latent size and learning rate."""
    objective = trial.suggest_categorical("objective", ["beta_vae", "capacity"])
    options = _beta_vae(trial) if objective == "beta_vae" else _capacity(trial)
    fields = networks(trial)
    return {
        "objective": objective,
        "objective_options": options,
        **fields,
        "training": {**fields["training"], "batch_size": 32, "lr_schedule": "one_cycle"},
    }


def _beta_vae(trial: optuna.Trial) -> dict[str, Any]:
    beta = trial.suggest_float("beta_vae/beta", 1.0, 16.0, log=True)
    schedule = trial.suggest_categorical("beta_vae/schedule", ["constant", "warmup", "cyclic", "decay"])
    options = {"beta": beta, "schedule": schedule}
    if schedule == "decay":  # β starts higher by this factor and comes down over the run
        options["beta_start"] = beta * trial.suggest_float("beta_vae/decay_factor", 1.5, 4.0)
    if schedule in ("warmup", "decay"):
        options["window"] = trial.suggest_float("beta_vae/window", 0.25, 1.0)
    return options


def _capacity(trial: optuna.Trial) -> dict[str, Any]:
    gamma_max = trial.suggest_float("capacity/gamma_max", 2.0, 30.0, log=True)
    decay = trial.suggest_categorical("capacity/decay", ["none", "during", "after"])
    options: dict[str, Any] = {
        "gamma_max": gamma_max,
        "capacity_max": trial.suggest_float("capacity/capacity_max", 5.0, 30.0),
        "anneal_fraction": trial.suggest_float("capacity/anneal_fraction", 0.3, 0.9),
    }
    if decay != "none":
        options["gamma_min"] = gamma_max * trial.suggest_float("capacity/gamma_ratio", 0.02, 0.5, log=True)
        options["gamma_shape"] = trial.suggest_categorical("capacity/gamma_shape", ["linear", "exponential", "cosine"])
        options["gamma_window"] = decay
    return options
