"""Conditional VAE of CIFAR-10: the label is embedded (10 numbers, learned), for encoder and decoder.

    python -m study.recipe cifar10_conditional_embedding_one_cycle           100 epochs of 87 steps: about 5 hours on 2 CPU cores
    python -m study.recipe cifar10_conditional_embedding_one_cycle --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, CIFAR-10 experiment 4, which shows its pictures and says nothing of its settings:
those of MNIST experiment 4 are taken. The label is embedded (10 numbers, learned), for encoder and decoder. One-cycle
learning rate up to 0.001. It shows 25 pictures told a wrong label and the losses, and reports no numbers.

Learning rate: on MNIST the source gave up the range test's suggestion (exploding gradients) for 1e-3. `python -m
study.lr_range cifar10_conditional_embedding_one_cycle` is the test.

Network, settings and readings: `study.recipes._conditional`.  Pictures in folders, one a class, do as well:
`--dataset folder:PATH`.

Expect blurs, as from `cifar10_conditional_mixed`; not run to its length here.
"""

from study.recipes._conditional import conditional_recipe

RECIPE = conditional_recipe(
    "conditional VAE of CIFAR-10, label embedded, one-cycle", "cifar10", encoder="embedding", decoder="embedding", one_cycle=0.001
)
