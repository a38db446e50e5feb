"""The capacity objective with constant γ = 10 on dSprites, convolutional.

    python -m study.recipe dsprites_capacity_cnn            80 epochs of 4,611 steps, about 10 hours on two CPU cores
    python -m study.recipe dsprites_capacity_cnn --fast     1,000 steps, about 2 minutes

Source: outlier_stages_beta_gamma_vae, stage 1.  Convolutions of 32 channels, 64→32→16→8→4, then 512–256–64–10, mirrored, γ =
10, C → 25 nats, Adam 5e-4, 80 epochs, cutoff epoch 60.  It shows loss curves, reconstructions and latent traversals, and no
numbers.

Readings.  The batch size is not given: 128.  "Cutoff epoch 60" is where C(t), which rises linearly from 0, reaches 25 nats.
The capacity is compared with the batch's mean KL, as in the paper (`penalty="batch"`).

Expect a KL of 25 nats at the end and a better reconstruction than the fully connected network's.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="capacity objective, γ 10, C → 25 nats on dSprites, convolutional",
    source="outlier_stages_beta_gamma_vae",
    settings={
        "dataset": "dsprites",
        "architecture": "cnn",
        "latent_dim": 10,
        "objective": "capacity",
        "objective_options": {"gamma_max": 10.0,
                              "capacity_max": 25.0, "anneal_fraction": 60 / 80},
        "training": {"batch_size": 128, "learning_rate": 5e-4},
    },
    epochs=80,
    fast_steps=1_000,
    image_shape=(1, 64, 64),
    figures=(
        "losses", "gradients", "reconstructions", "traversal", "samples", "samples_over_training",
        "filters_over_training", "feature_maps", "posterior",
        "latent_scatter", "uncertainty", "network", "parameter_norms", "diversity",
    ),
    start={"dsprites_capacity": {"objective": "capacity", "capacity/gamma_max": 10.0, "capacity/decay": "none",
                                 "capacity/capacity_max": 25.0, "capacity/anneal_fraction": 60 / 80, "architecture": "cnn",
                                 "learning_rate": 5e-4, "latent_dim": 10}},
)  # fmt: skip
