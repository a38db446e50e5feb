"""Conditional VAE of MNIST: the label is embedded (10 numbers, learned), for encoder and decoder.

    python -m study.recipe mnist_conditional_embedding_one_cycle           100 epochs of 105 steps: about 4 hours on 2 CPU cores
    python -m study.recipe mnist_conditional_embedding_one_cycle --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, MNIST experiment 4. The label is embedded (10 numbers, learned), for encoder and
decoder. One-cycle learning rate up to 0.001. It shows 25 pictures told a wrong label, finds that the label alone decides the
output, and reports no numbers.

Learning rate: the source gave up the range test's suggestion (exploding gradients) for 1e-3. `python -m study.lr_range
mnist_conditional_embedding_one_cycle` is the test.

Network, settings and readings: `study.recipes._conditional`.

Expect what the source found, as from `mnist_conditional_embedding`; not run to its length here.  `mnist_conditional_style`
is the setting in which style survives.
"""

from study.recipes._conditional import conditional_recipe

RECIPE = conditional_recipe(
    "conditional VAE of MNIST, label embedded, one-cycle", "mnist", encoder="embedding", decoder="embedding", one_cycle=0.001
)
