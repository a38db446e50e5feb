"""A two-dimensional latent space of MNIST, trained for 300 epochs at a small learning rate.

    python -m study.recipe mnist_beta_0_5            300 epochs of 540 steps, about 10 minutes on two CPU cores
    python -m study.recipe mnist_beta_0_5 --fast     1,000 steps

Source: mnist_linear_vae_runs, run 1.  Linear layers, a small latent space, Adam 1e-4; it shows the loss curve, the latent
space and reconstructions, and reports an average loss of 232.3 nats at epoch 1, 142.2 at 100 and 137.2 at 300.

Readings.  The source writes KLD = −0.5·Σ(1 + log σ² − μ² − σ²) and calls the 0.5 its β.  That factor belongs to the KL's
formula, so this is the plain VAE, β = 1.  (The other reading, β = 0.5 times the whole KL, is one option away: `beta=0.5`.)
Its loss is binary cross-entropy and KL, both summed over an image and averaged over the training images of an epoch: what
`losses` shows, so its numbers and ours compare like with like, except that it trains on 60,000 images and this on 54,000
(6,000 are for validation).  Layers and batch size are not given: 784–400–200–2 and 100, those of the tutorial that it
follows; ReLU.

Expect a loss that hardly moves after 100 epochs, and 4 and 9 on top of each other in the latent space.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="2 latents on MNIST, 'β = 0.5', 300 epochs: loss curve, latent space",
    source="mnist_linear_vae_runs",
    settings={
        "dataset": "mnist",
        "architecture": "mlp",
        "architecture_options": {"hidden": (400, 200)},
        "latent_dim": 2,
        "objective": "beta_vae",
        "objective_options": {"beta": 1.0},
        "training": {"batch_size": 100, "learning_rate": 1e-4, "precision": "float32"},
    },
    epochs=300,
    fast_steps=1_000,
    image_shape=(1, 28, 28),
    figures=(
        "losses", "gradients", "latent_scatter", "reconstructions", "latent_plane", "samples_over_training", "posterior",
        "uncertainty", "sample_quality",
    ),
    reported={"epoch 1": 232.335, "epoch 100": 142.190, "epoch 300": 137.172},
)  # fmt: skip
