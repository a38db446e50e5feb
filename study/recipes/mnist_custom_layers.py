"""The VAE written from scratch, trained on MNIST: convolution, batch normalisation, BCE, KL, Adam, all in NumPy.

    python -m study.recipe mnist_custom_layers            3 epochs of 421 steps, about 5 minutes on two CPU cores
    python -m study.recipe mnist_custom_layers --fast     150 steps, about 1 minute

Source: custom_layers_vae.  Its proposal: hand-written convolutions and transposed convolutions, batch normalisation, Adam,
learning-rate decay and batching for 784 pixels and 20 latents, binary cross-entropy + β·KL, gradients checked by finite
differences, and a comparison of speed and memory with a library.  It reports no numbers of its own.

Readings.  Layers are not given: two stride-2 convolutions of 16 channels, then 128 units, mirrored.  β = 1; learning rate 1e-3
falling to 1e-4, batch 128.

Expect a gradient error of about 1e-9 at the best step size, and steps several times slower than PyTorch's.
"""

from study.recipes._recipe import Recipe

RECIPE = Recipe(
    purpose="convolutions, batch norm, Adam, BCE and KL from scratch in NumPy on MNIST: gradients checked, speed against torch",
    source="custom_layers_vae",
    settings={
        "dataset": "mnist",
        "architecture": "cnn",
        "architecture_options": {"channels": 16, "hidden": (128,), "batch_norm": True},
        "latent_dim": 20,
        "objective": "beta_vae",
        "objective_options": {"beta": 1.0},
        "training": {
            "batch_size": 128, "learning_rate": 1e-3, "lr_schedule": "exponential", "lr_final": 1e-4, "precision": "float32",
        },
    },
    epochs=3,
    fast_steps=150,
    image_shape=(1, 28, 28),
    trainer="numpy",
    morphs=((9, 4), (3, 8), (1, 7)),
    figures=(
        "network", "feature_maps", "filters_over_training", "losses", "gradients", "parameter_norms", "latent_scatter", "morphs",
        "arithmetic", "uncertainty", "reconstructions", "samples", "samples_over_training", "sample_quality", "gradient_check",
        "numpy_against_torch", "posterior", "diversity",
    ),
)  # fmt: skip
