"""Conditional VAE of MNIST: the label is one-hot for the encoder and embedded for the decoder.

    python -m study.recipe mnist_conditional_mixed_one_cycle           100 epochs of 105 steps: about 4 hours on 2 CPU cores
    python -m study.recipe mnist_conditional_mixed_one_cycle --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, MNIST experiment 5. The label is one-hot for the encoder and embedded for the decoder.
One-cycle learning rate up to 0.02. It shows 25 pictures told a wrong label and its losses, which jump; nothing is
reconstructed.

Learning rate: a tenth of what the source's range test suggested. `python -m study.lr_range
mnist_conditional_mixed_one_cycle` is the test.

Network, settings and readings: `study.recipes._conditional`.

Expect no more than from `mnist_conditional_mixed`; not run to its length here.  `mnist_conditional_style` is the setting in
which style survives.
"""

from study.recipes._conditional import conditional_recipe

RECIPE = conditional_recipe(
    "conditional VAE of MNIST, label one-hot to encoder, embedded to decoder, one-cycle",
    "mnist",
    encoder="one_hot",
    decoder="embedding",
    one_cycle=0.02,
)
