"""A source's experiment as the start of a search: `python -m study.run --space around_mnist_vae`.

Every recipe gives such a space.  Its first trial is the published configuration itself, shortened with its schedules to the
budget; the knobs are the numbers that any source could have chosen otherwise: learning rate, latent size, and what the
objective charges for the KL.  Data, network, likelihood and condition stay as published.

The search is for distortion against rate (`recon`, `kl`; Alemi et al. 2018), where there are ground-truth factors for
reconstruction against MIG.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from study.recipes import Recipe, load_recipe
from study.spaces._space import Budget, Space

if TYPE_CHECKING:
    import optuna

__all__ = ["around"]

TRAIN_IMAGES = {"mnist": 54_000, "cifar10": 45_000, "celeba": 162_770, "dsprites": 590_258}
"""Of the published data sets, for the number of steps in the published epochs; another one counts as `OTHERWISE`."""

OTHERWISE = 50_000

SMOKE_STEPS = 60
Knobs = dict[str, Any]


def around(name: str) -> tuple[Space, Callable[[optuna.Trial], Knobs]]:
    """The space around the recipe `name` and its knobs.  Raises `UserError` for an unknown recipe."""
    recipe = load_recipe(name)
    factors = recipe.dataset == "dsprites"
    space = Space(
        purpose=f"around the recipe {name}: {recipe.purpose}",
        dataset=recipe.dataset,
        dataset_options=recipe.settings.get("dataset_options", {}),
        metrics=("recon", "mig") if factors else ("recon", "kl"),
        also=("kl", "negative_elbo", "active_units") if factors else ("negative_elbo", "active_units"),
        budgets=_budgets(recipe),
        start=(_published(recipe),),
    )

    def suggest(trial: optuna.Trial) -> Knobs:
        return _suggest(trial, recipe)

    return space, suggest


def _budgets(recipe: Recipe) -> dict[str, Budget]:
    published = recipe.config(1)
    per_epoch = TRAIN_IMAGES.get(recipe.dataset, OTHERWISE) // published.training.batch_size
    smoke = min(SMOKE_STEPS, recipe.fast_steps)
    return {
        "smoke": Budget(trials=2, steps=smoke, points=500, purpose="see every step work; the models are worthless"),
        "laptop": Budget(trials=10, steps=recipe.fast_steps, points=2_000, purpose="the recipe's --fast, ten times"),
        "full": Budget(trials=40, steps=recipe.epochs * per_epoch, points=15_000, purpose="the published length, on GPUs"),
    }


def _published(recipe: Recipe) -> Knobs:
    """The published values of the knobs.  An objective other than these two stays as published."""
    config = recipe.config(1)
    point = {"learning_rate": config.training.learning_rate, "latent_dim": config.latent_dim}
    options = config.objective_options
    if config.objective == "beta_vae":
        return point | {"beta_vae/beta": options["beta"]}
    if config.objective != "capacity":
        return point
    point |= {"capacity/gamma_max": options["gamma_max"], "capacity/capacity_max": options["capacity_max"]}
    if options["gamma_min"] is not None:
        point["capacity/gamma_ratio"] = options["gamma_min"] / options["gamma_max"]
    return point


def _suggest(trial: optuna.Trial, recipe: Recipe) -> Knobs:
    """The recipe's settings with the knobs around their published values."""
    published, settings = recipe.config(1), dict(recipe.settings)
    rate, latents = published.training.learning_rate, published.latent_dim
    options = dict(published.objective_options)
    if published.objective == "beta_vae":
        beta = options["beta"]
        options["beta"] = trial.suggest_float("beta_vae/beta", beta / 4, beta * 4, log=True)
    elif published.objective == "capacity":
        gamma, capacity = options["gamma_max"], options["capacity_max"]
        options["gamma_max"] = trial.suggest_float("capacity/gamma_max", gamma / 10, gamma * 2, log=True)
        options["capacity_max"] = trial.suggest_float("capacity/capacity_max", capacity / 2, capacity * 2)
        if options["gamma_min"] is not None:
            options["gamma_min"] = options["gamma_max"] * trial.suggest_float("capacity/gamma_ratio", 0.02, 1.0, log=True)
    learning_rate = trial.suggest_float("learning_rate", rate / 5, min(rate * 5, 1.0), log=True)
    return {name: value for name, value in settings.items() if name not in ("dataset", "dataset_options")} | {
        "objective": published.objective,
        "objective_options": options,
        "latent_dim": trial.suggest_int("latent_dim", max(2, latents // 4), max(8, latents * 2), log=True),
        "training": {"initialisation": "torch", **settings.get("training", {}), "learning_rate": learning_rate},
    }
