"""What the recipes of one source share: conditional VAEs of MNIST and CIFAR-10 (`conditional_vae_mnist_cifar10`).

The label's vector is expanded over the image and concatenated as channels, and a 1×1 convolution brings them to 3 for a ResNet;
for the decoder it is concatenated to z.  An embedding has 10 numbers, learned.  Batch 512; learning rate 1e-4, 32-bit, 50 epochs,
or one-cycle, 16-bit, 100 epochs.  25 pictures are told a wrong label.

Readings.  The likelihood is not given; the notebook it starts from (a well-known CIFAR-10 VAE) has 256 latents, a ResNet-18 and a
Gaussian whose σ starts at 1 and is learned.  Here σ = 1 is fixed, since it decides how much z is worth and a learned one would
change that price on the way (at a rate of 1e-4 it would stay above 0.5 for 50 epochs); and the network is ResNet-18-style of
width 16.  16-bit is bfloat16, where the machine has it in hardware (`precision="auto"`), else 32-bit.  Images are grey levels
or colours in [0, 1].
"""

from __future__ import annotations

from typing import Literal

from study.recipes._recipe import Recipe

__all__ = ["conditional_recipe"]

SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
Told = Literal["one_hot", "embedding"]


def conditional_recipe(purpose: str, dataset: str, encoder: Told, decoder: Told, one_cycle: float | None = None) -> Recipe:
    """encoder, decoder: how each is told the label.  one_cycle: the highest learning rate of the longer experiments."""
    training = {"batch_size": 512, "learning_rate": 1e-4, "precision": "float32"}
    if one_cycle is not None:
        training |= {"learning_rate": one_cycle, "lr_schedule": "one_cycle", "precision": "auto"}
    return Recipe(
        purpose=purpose,
        source="conditional_vae_mnist_cifar10",
        settings={
            "dataset": dataset,
            "architecture": "resnet",
            "latent_dim": 256,
            "likelihood": {"kind": "gaussian", "scale": 1.0},
            "condition": {"encoder": encoder, "decoder": decoder},
            "training": training,
        },
        epochs=50 if one_cycle is None else 100,
        fast_steps=150,
        image_shape=SHAPES[dataset],
        figures=(
            "wrong_labels", "losses", "gradients", "reconstructions", "labels_by_style", "samples", "samples_over_training",
            "latent_scatter", "posterior", "uncertainty", "feature_maps", "network", "parameter_norms", "sample_quality",
        ),
    )  # fmt: skip
