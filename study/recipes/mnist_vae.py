"""The first source's MNIST experiment: the VAE that everybody starts with.

    python -m study.recipe mnist_vae            10 epochs, about 1 minute of training on two CPU cores
    python -m study.recipe mnist_vae --fast     1,000 steps

Source: outlier_stages_beta_gamma_vae, stage 1.  784–400–20, ReLU, sigmoid output, Adam 1e-3.  It shows the loss curve,
reconstructions and morphs 9→4, 3→8 and 1→7, and no numbers.

Readings: the epochs are not given: 10.  Nor is the batch size: 64.  "All layers use ReLU" cannot include mu and logvar,
which must be able to be negative.  Grey levels are read as Bernoulli probabilities, as every tutorial does.

Expect a negative ELBO of about 105 nats on the test images: 81 of reconstruction and 25 of KL.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="784–400–20 on MNIST: losses, reconstructions, morphs between digits",
    source="outlier_stages_beta_gamma_vae",
    settings={
        "dataset": "mnist",
        "architecture": "mlp",
        "architecture_options": {"hidden": (400,)},
        "latent_dim": 20,
        "training": {"batch_size": 64, "learning_rate": 1e-3, "precision": "float32"},
    },
    epochs=10,
    fast_steps=1_000,
    image_shape=(1, 28, 28),
    figures=(
        "losses", "gradients", "reconstructions", "morphs", "samples", "samples_over_training", "filters_over_training",
        "latent_scatter", "posterior", "uncertainty", "traversal", "arithmetic", "network", "parameter_norms", "diversity",
        "sample_quality",
    ),
    morphs=((9, 4), (3, 8), (1, 7)),
)  # fmt: skip
