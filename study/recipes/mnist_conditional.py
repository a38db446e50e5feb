"""Conditional VAEs of MNIST: how encoder and decoder are told the label, and with which learning rate.

    python -m study.recipe mnist_conditional_embedding            50 epochs of 105 steps: about 2 hours on two CPU cores
    python -m study.recipe mnist_conditional_onehot               the same
    python -m study.recipe mnist_conditional_mixed                the same
    python -m study.recipe mnist_conditional_embedding_one_cycle  100 epochs of 105 steps: about 4 hours on two CPU cores
    python -m study.recipe mnist_conditional_mixed_one_cycle      the same
    python -m study.recipe mnist_conditional_embedding --fast     150 steps, about 3 minutes; the others alike

Source: conditional_vae_mnist_cifar10, MNIST experiments 1 to 5, in this order.  Embedded means 10 numbers a label, learned;
mixed means one-hot for the encoder and embedded for the decoder.  Each shows 25 pictures told a wrong label and reports no
numbers.  It finds that the label alone decides the output (1 to 4); of 5 it shows losses, which jump, and reconstructs nothing.

Network, settings and readings: `study.recipes._conditional`.  Learning rates of the one-cycle ones: in experiment 4 the source
gave up the range test's suggestion (exploding gradients) for 1e-3; in 5 it takes a tenth of that suggestion, 0.02.
`python -m study.lr_range NAME` is the test.

Expect what the source found: after 10 epochs with the label embedded (n = 1) the KL is 0.002 nats and every output is the mean
picture of the told class.  At σ = 1 there is next to nothing in MNIST for z to gain, once the class is known;
`mnist_conditional_style` is the setting in which style survives.  The one-cycle ones were not run to their length here.
"""

from study.recipes._conditional import conditional_recipe

_WHAT = "conditional VAE of MNIST, label"

RECIPES = {
    "mnist_conditional_embedding": conditional_recipe(
        f"{_WHAT} embedded", "mnist", encoder="embedding", decoder="embedding",
    ),
    "mnist_conditional_onehot": conditional_recipe(
        f"{_WHAT} one-hot", "mnist", encoder="one_hot", decoder="one_hot",
    ),
    "mnist_conditional_mixed": conditional_recipe(
        f"{_WHAT} one-hot to encoder, embedded to decoder", "mnist", encoder="one_hot", decoder="embedding",
    ),
    "mnist_conditional_embedding_one_cycle": conditional_recipe(
        f"{_WHAT} embedded, one-cycle", "mnist", encoder="embedding", decoder="embedding", one_cycle=0.001,
    ),
    "mnist_conditional_mixed_one_cycle": conditional_recipe(
        f"{_WHAT} one-hot to encoder, embedded to decoder, one-cycle",
        "mnist", encoder="one_hot", decoder="embedding", one_cycle=0.02,
    ),
}  # fmt: skip
