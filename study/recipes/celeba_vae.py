"""A VAE of faces: CelebA at 64×64 with 200 latents.

    python -m study.recipe celeba_vae            20 epochs of 5,086 steps: for a GPU, or days of CPU
    python -m study.recipe celeba_vae --fast     300 steps, about 1 minute

Source: mnist_celeba_beta_vae.  Learning rate 1e-4, 200 latents, the rest as on MNIST: batch 32, 20 epochs.  It shows losses,
pictures of the data and generated faces, and no numbers.

Data: CelebA, aligned and cropped; if it is not there, the error says which files to put where.

Readings.  Same family of network as `mnist_latent2`: stride-2 convolutions (`burgess`, four at 64×64).  MSE + KL: squared
error summed over pixels and channels, a Gaussian likelihood with σ² = ½, up to a constant.  The size, 64×64, is the usual
one.

Expect blurred faces with clear pose, hair and lighting.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="200 latents, squared error + KL on CelebA 64×64: losses, generated faces",
    source="mnist_celeba_beta_vae",
    settings={
        "dataset": "celeba",
        "architecture": "burgess",
        "latent_dim": 200,
        "likelihood": {"kind": "gaussian", "scale": 0.5**0.5},
        "objective_options": {"beta": 1.0},
        "training": {"batch_size": 32, "learning_rate": 1e-4},
    },
    epochs=20,
    fast_steps=300,
    image_shape=(3, 64, 64),
    figures=(
        "data", "losses", "gradients", "samples", "reconstructions", "samples_over_training", "filters_over_training",
        "feature_maps", "latent_scatter", "posterior", "uncertainty", "traversal", "network", "diversity", "sample_quality",
    ),
)  # fmt: skip
