"""Does decaying γ help, everything else being equal?  The matched experiment behind `dsprites_capacity`'s question.

    python -m study.run --space dsprites_gamma_decay --sampler list

trains every pair of the grid: constant γ = 10 and γ = 10 → 2 after the annealing, at the same network, capacity, latent size,
learning rate and number of steps (but not the same seed: a run's seed derives from its configuration).  γ min ⁄ γ max = 1 is
the constant γ.  A search (`tpe`) varies the decay continuously.

`analysis/notebooks/gamma_decay.ipynb` compares the two kinds at equal KL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._knobs import networks
from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="Constant against decaying γ on dSprites, matched in everything else (--sampler list)",
    dataset="dsprites",
    metrics=("recon", "mig"),
    also=("kl", "negative_elbo", "active_units", "dci_forest"),
    budgets={
        "smoke": Budget(trials=2, steps=120, points=1_000, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=12, steps=1_500, points=15_000, purpose="six pairs on two CPU cores"),
        "full": Budget(trials=12, steps=100_000, points=15_000, purpose="the length of Burgess et al.'s annealing, on GPUs"),
    },
    start=(
        {"capacity/gamma_max": 10.0, "capacity/gamma_ratio": 1.0, "capacity/capacity_max": 25.0, "architecture": "cnn",
         "latent_dim": 10, "learning_rate": 5e-4},
        {"capacity/gamma_max": 10.0, "capacity/gamma_ratio": 0.2, "capacity/capacity_max": 25.0, "architecture": "cnn",
         "latent_dim": 10, "learning_rate": 5e-4},
    ),
    grid={
        "capacity/capacity_max": (25.0, 15.0),
        "architecture": ("cnn", "burgess", "locatello"),
        "capacity/gamma_ratio": (1.0, 0.2),
        "capacity/gamma_max": (10.0,),
        "latent_dim": (10,),
        "learning_rate": (5e-4,),
    },
)  # fmt: skip


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: γ and how far it falls, capacity, then architecture, latent size and learning rate."""
    gamma_max = trial.suggest_float("capacity/gamma_max", 2.0, 30.0, log=True)
    ratio = trial.suggest_float("capacity/gamma_ratio", 0.02, 1.0, log=True)
    options = {
        "gamma_max": gamma_max,
        "gamma_min": None if ratio == 1.0 else gamma_max * ratio,
        "gamma_window": "after",
        "capacity_max": trial.suggest_float("capacity/capacity_max", 5.0, 30.0),
        "anneal_fraction": 0.6,
    }
    return {"objective": "capacity", "objective_options": options, **networks(trial)}
