"""What does decaying γ do, and is it more than a smaller γ or a decaying β?  Paired arms with their controls.

    nohup python -m study.run --space dsprites_gamma_arms --sampler list --replicates 5 --name gamma_arms > arms.log 2>&1 &
    nohup python -m study.run --resume gamma_arms > arms.log 2>&1 &          after an interruption

trains 6 settings (two networks, three capacities) × 4 arms × 5 seeds for 3,000 steps, about four hours on two CPU cores:

    gamma          γ = 10 throughout (Burgess et al. 2018)
    gamma_decay    γ = 10 until C has been reached at 60 % of the run, then linearly down to 2: the first source's idea
    gamma_low      γ = 2 throughout: is the end all that counts?
    beta_decay     β-VAE, β = 10 until 60 %, then down to 2: above C the capacity objective *is* a β-VAE with β = γ

The arms of a setting and seed begin with the same weights, batches and noise, and `gamma` and `gamma_decay` are one training
until γ begins to fall (`study.training.forks`), so that a difference between arms is theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "gamma": ("capacity", {"gamma_max": 10.0}),
    "gamma_decay": ("capacity", {"gamma_max": 10.0, "gamma_min": 2.0, "gamma_window": "after"}),
    "gamma_low": ("capacity", {"gamma_max": 2.0}),
    "beta_decay": ("beta_vae", {"schedule": "decay", "beta_start": 10.0, "beta": 2.0}),
}
ANNEALED = 0.6
"""The fraction of the run over which C rises, and before which nothing decays."""

SPACE = Space(
    purpose="Decaying γ on dSprites against constant γ, small γ and decaying β, paired (--sampler list)",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units", "dci_forest"),
    budgets={
        "smoke": Budget(trials=2, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(
            trials=24,
            steps=3_000,
            points=15_000,
            purpose="6 settings × 4 arms; --replicates 5 takes four hours",
        ),
        "full": Budget(trials=24, steps=100_000, points=15_000, purpose="the length of Burgess et al.'s annealing, on GPUs"),
    },
    grid={
        "arm": tuple(ARMS),  # first, so that a trunk is there before the second arm of it begins
        "architecture": ("cnn", "burgess"),
        "capacity_max": (25.0, 15.0, 20.0),
    },
    paired="arm",
)


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: the arm, then what its pair has in common."""
    objective, options = ARMS[trial.suggest_categorical("arm", list(ARMS))]
    capacity = trial.suggest_float("capacity_max", 5.0, 30.0)
    architecture = trial.suggest_categorical("architecture", ["cnn", "burgess", "locatello"])
    if objective == "capacity":
        options = {**options, "capacity_max": capacity, "anneal_fraction": ANNEALED}
    else:
        options = {**options, "hold": ANNEALED, "window": 1 - ANNEALED}
    return {
        "objective": objective,
        "objective_options": options,
        "architecture": architecture,
        "latent_dim": 10,
        "training": {"batch_size": 64, "learning_rate": 5e-4},
    }
