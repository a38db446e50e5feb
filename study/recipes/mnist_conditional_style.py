"""Conditional VAE of MNIST in which style survives a wrong label: not a source's experiment, but the answer to its question.

    python -m study.recipe mnist_conditional_style            20 epochs of 421 steps, about 2 minutes on two CPU cores
    python -m study.recipe mnist_conditional_style --fast     1,500 steps

Source: conditional_vae_mnist_cifar10 found that the label alone decides the output.  Here the pixels are Bernoulli, which is
worth about ten times the nats of the source's Gaussian with σ = 1, so that z is worth its KL; the encoder is not told; 16
latents; a fully connected network; learning rate 1e-3, batch 128.

Expect that a wrong label gives the told digit with the image's slant and boldness: see `conditional` in `recipe.json`.
"""

from study.recipes import Recipe

RECIPE = Recipe(
    purpose="conditional VAE of MNIST in which style survives: Bernoulli pixels, encoder not told, 16 latents",
    source="conditional_vae_mnist_cifar10",
    settings={
        "dataset": "mnist",
        "architecture": "mlp",
        "architecture_options": {"hidden": (400,)},
        "latent_dim": 16,
        "condition": {"encoder": "none", "decoder": "one_hot"},
        "training": {"batch_size": 128, "learning_rate": 1e-3, "precision": "float32"},
    },
    epochs=20,
    fast_steps=1_500,
    image_shape=(1, 28, 28),
    figures=(
        "wrong_labels", "losses", "gradients", "reconstructions", "labels_by_style", "samples", "samples_over_training",
        "filters_over_training", "latent_scatter", "posterior", "uncertainty", "network", "parameter_norms", "sample_quality",
    ),
)  # fmt: skip
