"""Conditional VAE of MNIST: the label is one-hot for the encoder and embedded for the decoder.

    python -m study.recipe mnist_conditional_mixed_one_cycle           100 epochs of 105 steps: about 4 hours on 2 CPU cores
    python -m study.recipe mnist_conditional_mixed_one_cycle --fast     150 steps, about 3 minutes

Source: conditional_vae_mnist_cifar10, MNIST experiment 5.  The label is one-hot for the encoder and embedded for the
decoder. The label's vector is expanded over the image, concatenated as channels, a 1×1 convolution brings them to 3 for a
ResNet encoder; for the decoder it is concatenated to z.  Batch 512, one-cycle learning rate up to 0.02, 16-bit, 100 epochs.
It shows 25 pictures told a wrong label, finds that the label alone decides the output, and reports no numbers.

Learning rate: a tenth of what the source's range test suggested, 0.02; its losses jump and nothing is reconstructed. `python
-m study.lr_range mnist_conditional_mixed_one_cycle` is the test.

Readings.  The likelihood is not given; the notebook it starts from (a well-known CIFAR-10 VAE) has 256 latents, a ResNet-18
and a Gaussian whose σ starts at 1 and is learned. Here σ = 1 is fixed, since it decides how much z is worth and a learned
one would change that price on the way; and the network is ResNet-18-style of width 16. 16-bit is bfloat16, where the machine
has it in hardware (`precision="auto"`), else 32-bit.

Expect what the source found: after 10 epochs with the label embedded (n = 1) the KL is 0.002 nats and every output is the
mean picture of the told class. At σ = 1 there is next to nothing in MNIST for z to gain, once the class is known;
`mnist_conditional_style` is the setting in which style survives.
"""

from study.recipes import Recipe

RECIPE = Recipe(
    purpose="conditional VAE of MNIST, label one-hot to encoder, embedded to decoder, one-cycle",
    source="conditional_vae_mnist_cifar10",
    settings={
        "dataset": "mnist",
        "architecture": "resnet",
        "latent_dim": 256,
        "likelihood": {"kind": "gaussian", "scale": 1.0},
        "condition": {"encoder": "one_hot", "decoder": "embedding"},
        "training": {"batch_size": 512, "learning_rate": 0.02, "lr_schedule": "one_cycle", "precision": "auto"},
    },
    epochs=100,
    fast_steps=150,
    image_shape=(1, 28, 28),
    figures=(
        "wrong_labels", "losses", "gradients", "reconstructions", "labels_by_style", "samples", "samples_over_training",
        "latent_scatter", "posterior", "uncertainty", "feature_maps", "network", "parameter_norms", "sample_quality",
    ),
)  # fmt: skip
