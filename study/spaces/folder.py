"""A person's own pictures: `python -m study.run --space folder --dataset folder:PATH`.

Pictures without ground-truth factors have no disentanglement to measure, so this space searches the trade-off that every VAE has
(Alemi et al. 2018, "Fixing a broken ELBO"): distortion (`recon`) against rate (`kl`), both in nats per image and both to be
small.  The front is the rate-distortion curve of these pictures, and β is the knob that moves along it; what else is
searched decides how low the curve lies.

The sizes are for 64×64 colour pictures.  The likelihood is a Gaussian whose σ is 15 % of the full range: a
Bernoulli likelihood, made for black and white, wastes itself on grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SPACE", "suggest"]

SPACE = Space(
    purpose="your own pictures (--dataset folder:PATH): distortion against rate",
    dataset="folder",
    dataset_options={"image_size": 64, "mode": "RGB"},
    metrics=("recon", "kl"),
    also=("negative_elbo", "active_units"),
    budgets={
        "smoke": Budget(trials=3, steps=60, points=500, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=12, steps=800, points=2_000, purpose="a first rate-distortion curve on two CPU cores"),
        "full": Budget(trials=60, steps=50_000, points=10_000, purpose="for some ten thousand pictures, on GPUs"),
    },
    start=(
        {"beta": 1.0, "architecture": "burgess", "latent_dim": 32, "learning_rate": 1e-3},
        {"beta": 4.0, "architecture": "burgess", "latent_dim": 32, "learning_rate": 1e-3},
    ),
    grid={
        "beta": (0.5, 1.0, 2.0, 4.0, 8.0),
        "architecture": ("burgess",),
        "latent_dim": (32,),
        "learning_rate": (1e-3,),
    },
)

SCALE = 0.15  # σ of a pixel, of the full range; fixed: with β it is one knob, and `recon` of two scales cannot be compared


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """The knobs: β, architecture, latent size and learning rate."""
    return {
        "likelihood": {"kind": "gaussian", "scale": SCALE},
        "objective": "beta_vae",
        "objective_options": {"beta": trial.suggest_float("beta", 0.25, 16.0, log=True)},
        "architecture": trial.suggest_categorical("architecture", ["burgess", "resnet", "mlp"]),
        "latent_dim": trial.suggest_int("latent_dim", 8, 128, log=True),
        "training": {"batch_size": 64, "learning_rate": trial.suggest_float("learning_rate", 2e-4, 2e-3, log=True)},
    }
