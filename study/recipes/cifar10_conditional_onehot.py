"""Conditional VAE of CIFAR-10: the label is one-hot, for encoder and decoder.

    python -m study.recipe cifar10_conditional_onehot            50 epochs of 87 steps: about 2 hours on two CPU cores
    python -m study.recipe cifar10_conditional_onehot --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, CIFAR-10 experiment 2. The label is one-hot, for encoder and decoder. It shows 25
pictures told a wrong label, finds their reconstructions very poor, and reports no numbers.

Network, settings and readings: `study.recipes._conditional`.  Pictures in folders, one a class, do as well:
`--dataset folder:PATH`.

Expect the reverse of MNIST: after 50 epochs of 8,000 real pictures with the mixed label (n = 1) z costs 6.8 nats and carries
light and layout, and a wrong label changes next to nothing (squared error 105 instead of 101).  All outputs are blurs.
`conditional` in `recipe.json` has the numbers.
"""

from study.recipes._conditional import conditional_recipe

RECIPE = conditional_recipe("conditional VAE of CIFAR-10, label one-hot", "cifar10", encoder="one_hot", decoder="one_hot")
