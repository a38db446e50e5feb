"""Conditional VAE of MNIST in which style survives a wrong label: not a source's experiment, but the answer to its question.

    python -m study.recipe mnist_conditional_style            20 epochs of 421 steps, about 10 minutes on two CPU cores
    python -m study.recipe mnist_conditional_style --fast     800 steps, about 1 minute

Source: conditional_vae_mnist_cifar10 found that the label alone decides the output.  Here the pixels are Bernoulli, which is
worth about ten times the nats of the source's Gaussian with σ = 1, so that z is worth its KL; the encoder is not told; 16
latents; learning rate 1e-3.

Expect that a wrong label gives the told digit with the image's slant and boldness: see `conditional` in `recipe.json`.
"""

from study.recipes import Recipe

RECIPE = Recipe(
    purpose="conditional VAE of MNIST in which style survives: Bernoulli pixels, encoder not told, 16 latents",
    source="conditional_vae_mnist_cifar10",
    settings={
        "dataset": "mnist",
        "architecture": "burgess",
        "latent_dim": 16,
        "condition": {"encoder": "none", "decoder": "one_hot"},
        "training": {"batch_size": 128, "learning_rate": 1e-3},
    },
    epochs=20,
    fast_steps=800,
    image_shape=(1, 28, 28),
    figures=(
        "wrong_labels", "losses", "gradients", "reconstructions", "labels_by_style", "samples", "samples_over_training",
        "latent_scatter", "posterior", "uncertainty", "feature_maps", "network", "parameter_norms", "sample_quality",
    ),
)  # fmt: skip
