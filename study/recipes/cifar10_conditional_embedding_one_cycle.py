"""Conditional VAE of CIFAR-10: the label is embedded (10 numbers, learned), for encoder and decoder.

    python -m study.recipe cifar10_conditional_embedding_one_cycle           100 epochs of 87 steps: about 5 hours on 2 CPU cores
    python -m study.recipe cifar10_conditional_embedding_one_cycle --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, CIFAR-10 experiment 4, which shows its pictures and says nothing of its settings:
those of MNIST experiment 4 are taken.  The label is embedded (10 numbers, learned), for encoder and decoder. The label's
vector is expanded over the image, concatenated as channels, a 1×1 convolution brings them to 3 for a ResNet encoder; for the
decoder it is concatenated to z.  Batch 512, one-cycle learning rate up to 0.001, 16-bit, 100 epochs. It shows 25 pictures
told a wrong label and the losses, and reports no numbers.

Learning rate: on MNIST the source gave up the range test's suggestion (exploding gradients) for 1e-3. `python -m
study.lr_range cifar10_conditional_embedding_one_cycle` is the test.

Readings.  The likelihood is not given; the notebook it starts from (a well-known CIFAR-10 VAE) has 256 latents, a ResNet-18
and a Gaussian whose σ starts at 1 and is learned. Here σ = 1 is fixed, since it decides how much z is worth and a learned
one would change that price on the way; and the network is ResNet-18-style of width 16. 16-bit is bfloat16, where the machine
has it in hardware (`precision="auto"`), else 32-bit. Pictures in folders, one a class, do as well: `--dataset folder:PATH`.

Expect the reverse of MNIST: after 50 epochs of 8,000 real pictures with the mixed label (n = 1) z costs 6.8 nats and carries
light and layout, and a wrong label changes next to nothing (squared error 105 instead of 101).  All outputs are blurs.
`conditional` in `recipe.json` has the numbers.
"""

from study.recipes import Recipe

RECIPE = Recipe(
    purpose="conditional VAE of CIFAR-10, label embedded, one-cycle",
    source="conditional_vae_mnist_cifar10",
    settings={
        "dataset": "cifar10",
        "architecture": "resnet",
        "latent_dim": 256,
        "likelihood": {"kind": "gaussian", "scale": 1.0},
        "condition": {"encoder": "embedding", "decoder": "embedding"},
        "training": {"batch_size": 512, "learning_rate": 0.001, "lr_schedule": "one_cycle", "precision": "auto"},
    },
    epochs=100,
    fast_steps=150,
    image_shape=(3, 32, 32),
    figures=(
        "wrong_labels", "losses", "gradients", "reconstructions", "labels_by_style", "samples", "samples_over_training",
        "latent_scatter", "posterior", "uncertainty", "feature_maps", "network", "parameter_norms", "sample_quality",
    ),
)  # fmt: skip
