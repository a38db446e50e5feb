"""Conditional VAEs of CIFAR-10: how encoder and decoder are told the label, and with which learning rate.

    python -m study.recipe cifar10_conditional_embedding            50 epochs of 87 steps: about 2 hours on two CPU cores
    python -m study.recipe cifar10_conditional_onehot               the same
    python -m study.recipe cifar10_conditional_mixed                the same
    python -m study.recipe cifar10_conditional_embedding_one_cycle  100 epochs of 87 steps: about 5 hours on two CPU cores
    python -m study.recipe cifar10_conditional_embedding --fast     150 steps, about 3 minutes; the others alike

Source: conditional_vae_mnist_cifar10, CIFAR-10 experiments 1 to 4, in this order.  Embedded means 10 numbers a label, learned;
mixed means one-hot for the encoder and embedded for the decoder.  Each shows 25 pictures told a wrong label and reports no
numbers.  It finds the reconstructions of 1 and 2 very poor, and in 3 that the label alone decides the output; of 4 it shows
pictures and losses and says nothing of its settings: those of MNIST experiment 4 are taken, with its rate of 1e-3.

Network, settings and readings: `study.recipes._conditional`.  `python -m study.lr_range NAME` is the source's range test.
Pictures in folders, one a class, do as well: `--dataset folder:PATH`.

Expect the reverse of MNIST: after 50 epochs of 8,000 real pictures with the mixed label (n = 1) z costs 6.8 nats and carries
light and layout, and a wrong label changes next to nothing (squared error 105 instead of 101).  All outputs are blurs.
`conditional` in `recipe.json` has the numbers.  The one-cycle one was not run to its length here.
"""

from study.recipes._conditional import conditional_recipe

_WHAT = "conditional VAE of CIFAR-10, label"

RECIPES = {
    "cifar10_conditional_embedding": conditional_recipe(
        f"{_WHAT} embedded", "cifar10", encoder="embedding", decoder="embedding",
    ),
    "cifar10_conditional_onehot": conditional_recipe(
        f"{_WHAT} one-hot", "cifar10", encoder="one_hot", decoder="one_hot",
    ),
    "cifar10_conditional_mixed": conditional_recipe(
        f"{_WHAT} one-hot to encoder, embedded to decoder", "cifar10", encoder="one_hot", decoder="embedding",
    ),
    "cifar10_conditional_embedding_one_cycle": conditional_recipe(
        f"{_WHAT} embedded, one-cycle", "cifar10", encoder="embedding", decoder="embedding", one_cycle=0.001,
    ),
}  # fmt: skip
