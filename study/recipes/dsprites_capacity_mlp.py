"""The capacity objective with constant γ = 100 on dSprites, fully connected.

    python -m study.recipe dsprites_capacity_mlp            80 epochs of 4,611 steps, about 3 hours on two CPU cores
    python -m study.recipe dsprites_capacity_mlp --fast     2,000 steps, about 2 minutes

Source: outlier_stages_beta_gamma_vae, stage 1.  4096–1024–256–64–10, mirrored, ReLU, sigmoid output, γ = 100, C → 25 nats,
Adam 1e-3, 80 epochs, cutoff epoch 60.  It shows loss curves, reconstructions and latent traversals, and no numbers.

Readings.  The batch size is not given: 128.  "Cutoff epoch 60" is where C(t), which rises linearly from 0, reaches 25 nats.
The capacity is compared with the batch's mean KL, as in the paper (`penalty="batch"`).

Expect trouble: in short runs γ = 100 at this learning rate drives the KL to exactly C with no information in any latent, and
the run ends half-way as `collapsed`.  The source's longer annealing may escape that.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="capacity objective, γ 100, C → 25 nats on dSprites, fully connected",
    source="outlier_stages_beta_gamma_vae",
    settings={
        "dataset": "dsprites",
        "architecture": "mlp",
        "architecture_options": {"hidden": (1024, 256, 64)},
        "latent_dim": 10,
        "objective": "capacity",
        "objective_options": {"gamma_max": 100.0,
                              "capacity_max": 25.0, "anneal_fraction": 60 / 80},
        "training": {"batch_size": 128, "learning_rate": 1e-3},
    },
    epochs=80,
    fast_steps=2_000,
    image_shape=(1, 64, 64),
    figures=(
        "losses", "gradients", "reconstructions", "traversal", "samples", "samples_over_training",
        "filters_over_training", "posterior",
        "latent_scatter", "uncertainty", "network", "parameter_norms", "diversity",
    ),
)  # fmt: skip
