"""β-VAEs on dSprites, fully connected: the first source's three, β = 1, 2.5 and 4.

    python -m study.recipe dsprites_beta_1            30 epochs of 4,611 steps, about 1 hour on two CPU cores
    python -m study.recipe dsprites_beta_2_5          the same
    python -m study.recipe dsprites_beta_4            the same
    python -m study.recipe dsprites_beta_4 --fast     2,000 steps, about 2 minutes; the others alike

Source: outlier_stages_beta_gamma_vae, stage 1.  4096–1024–256–64–10, mirrored, ReLU, sigmoid output, Adam 1e-3.  It shows
loss curves, reconstructions and latent traversals, and no numbers.

Readings.  The batch size is not given: 128.  Nor are the epochs: 30, the order of magnitude of its other dSprites runs (80
to 100) for a loss curve that is flat by then.

Expect of β = 1 the best reconstruction of the three and latents that mix position, size and shape; of 2.5 a little less
reconstruction and fewer latents in use; of 4 position in two latents of their own, size in a third, and blurred orientation.
"""

from study.recipes._recipe import Recipe


def _recipe(beta: float) -> Recipe:
    return Recipe(
        purpose=f"β = {beta:g} on dSprites, fully connected: losses, reconstructions, traversal",
        source="outlier_stages_beta_gamma_vae",
        settings={
            "dataset": "dsprites",
            "architecture": "mlp",
            "architecture_options": {"hidden": (1024, 256, 64)},
            "latent_dim": 10,
            "objective": "beta_vae",
            "objective_options": {"beta": beta},
            "training": {"batch_size": 128, "learning_rate": 1e-3},
        },
        epochs=30,
        fast_steps=2_000,
        image_shape=(1, 64, 64),
        figures=(
            "losses", "gradients", "reconstructions", "traversal", "samples", "samples_over_training",
            "filters_over_training", "posterior",
            "latent_scatter", "uncertainty", "network", "parameter_norms", "diversity",
        ),
        start={"dsprites_capacity": {"objective": "beta_vae", "beta_vae/beta": beta, "beta_vae/schedule": "constant",
                                     "architecture": "mlp", "latent_dim": 10, "learning_rate": 1e-3}},
    )  # fmt: skip


RECIPES = {"dsprites_beta_1": _recipe(1.0), "dsprites_beta_2_5": _recipe(2.5), "dsprites_beta_4": _recipe(4.0)}
