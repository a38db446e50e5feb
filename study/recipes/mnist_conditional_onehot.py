"""Conditional VAE of MNIST: the label is one-hot, for encoder and decoder.

    python -m study.recipe mnist_conditional_onehot            50 epochs of 105 steps: about 2 hours on two CPU cores
    python -m study.recipe mnist_conditional_onehot --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, MNIST experiment 2. The label is one-hot, for encoder and decoder. It shows 25
pictures told a wrong label, finds that the label alone decides the output, and reports no numbers.

Network, settings and readings: `study.recipes._conditional`.

Expect what the source found: after 10 epochs with the label embedded (n = 1) the KL is 0.002 nats and every output is the
mean picture of the told class. At σ = 1 there is next to nothing in MNIST for z to gain, once the class is known;
`mnist_conditional_style` is the setting in which style survives.
"""

from study.recipes._conditional import conditional_recipe

RECIPE = conditional_recipe("conditional VAE of MNIST, label one-hot", "mnist", encoder="one_hot", decoder="one_hot")
