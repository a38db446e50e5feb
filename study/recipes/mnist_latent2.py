"""A convolutional VAE with two latents on MNIST, squared error and KL.

    python -m study.recipe mnist_latent2            20 epochs of 1,687 steps, about 15 minutes on two CPU cores
    python -m study.recipe mnist_latent2 --fast     1,000 steps

Source: mnist_celeba_beta_vae.  Learning rate 5e-4, batch 32, 20 epochs, 2 latents.  It shows losses per batch, the scatter
of the latent space and generated digits, and no numbers.

Readings.  "Convolutional" is not described: two stride-2 convolutions of 32 channels, then 256–256 (`burgess` at 28×28).
MSE + KL as its formula has it: squared error summed over the pixels of an image, averaged over images, plus KL; that is a
Gaussian likelihood with σ² = ½, up to a constant (`Likelihood.scale`), which is included here: reconstruction NLL = squared
error + 784·½·log π = + 448.7.

Expect ten clusters in the plane, of which 4, 9 and 7 overlap, and a KL of about 4.5 nats.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="conv, 2 latents, squared error + KL on MNIST: losses per batch, latent scatter, generated digits",
    source="mnist_celeba_beta_vae",
    settings={
        "dataset": "mnist",
        "architecture": "burgess",
        "latent_dim": 2,
        "likelihood": {"kind": "gaussian", "scale": 0.5**0.5},
        "training": {"batch_size": 32, "learning_rate": 5e-4},
    },
    epochs=20,
    fast_steps=1_000,
    image_shape=(1, 28, 28),
    figures=(
        "losses", "gradients", "latent_scatter", "samples", "latent_plane", "reconstructions", "samples_over_training",
        "filters_over_training", "feature_maps", "posterior", "uncertainty", "network", "sample_quality",
    ),
)  # fmt: skip
