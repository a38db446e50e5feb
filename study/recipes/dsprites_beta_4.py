"""β-VAE with β = 4 on dSprites, fully connected: one of the first source's three.

    python -m study.recipe dsprites_beta_4            30 epochs of 4,611 steps, about 1 hour on two CPU cores
    python -m study.recipe dsprites_beta_4 --fast     2,000 steps, about 2 minutes

Source: outlier_stages_beta_gamma_vae, stage 1.  4096–1024–256–64–10, mirrored, ReLU, sigmoid output, Adam 1e-3.  It shows
loss curves, reconstructions and latent traversals, and no numbers.

Readings.  The batch size is not given: 128.  Nor are the epochs: 30, the order of magnitude of its other dSprites runs (80
to 100) for a loss curve that is flat by then.

Expect position in two latents of their own, size in a third, and blurred orientation.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="β = 4 on dSprites, fully connected: losses, reconstructions, traversal",
    source="outlier_stages_beta_gamma_vae",
    settings={
        "dataset": "dsprites",
        "architecture": "mlp",
        "architecture_options": {"hidden": (1024, 256, 64)},
        "latent_dim": 10,
        "objective": "beta_vae",
        "objective_options": {"beta": 4.0},
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
    start={"dsprites_capacity": {"objective": "beta_vae", "beta_vae/beta": 4.0, "beta_vae/schedule": "constant",
                                 "architecture": "mlp", "latent_dim": 10, "learning_rate": 1e-3}},
)  # fmt: skip
