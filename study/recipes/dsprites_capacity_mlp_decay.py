"""The capacity objective with γ decaying from 100 to 20 on dSprites, fully connected.

    python -m study.recipe dsprites_capacity_mlp_decay            80 epochs of 4,611 steps, about 3 hours on two CPU cores
    python -m study.recipe dsprites_capacity_mlp_decay --fast     2,000 steps, about 2 minutes

Source: outlier_stages_beta_gamma_vae, stage 1.  4096–1024–256–64–10, mirrored, ReLU, sigmoid output, γ = 100 → 20, C → 25
nats, Adam 5e-4, 80 epochs, cutoff epoch 60.  It shows loss curves, reconstructions and latent traversals, and no numbers.

Readings.  The batch size is not given: 128.  "Cutoff epoch 60" is where C(t), which rises linearly from 0, reaches 25 nats.
When γ decays is not said: here after the cutoff, from epoch 60 to 80 (`gamma_window="after"`); `during` the annealing is
the option, and the space `dsprites_capacity` holds both.  Linear.  The capacity is compared with the batch's mean KL, as in
the paper (`penalty="batch"`).

Expect a KL that follows C to 25 nats, and, once γ falls, a reconstruction that improves while the KL may leave C.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="capacity objective, γ 100 → 20, C → 25 nats on dSprites, fully connected",
    source="outlier_stages_beta_gamma_vae",
    settings={
        "dataset": "dsprites",
        "architecture": "mlp",
        "architecture_options": {"hidden": (1024, 256, 64)},
        "latent_dim": 10,
        "objective": "capacity",
        "objective_options": {"gamma_max": 100.0, "gamma_min": 20.0, "gamma_window": "after",
                              "capacity_max": 25.0, "anneal_fraction": 60 / 80},
        "training": {"batch_size": 128, "learning_rate": 5e-4},
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
