"""The VAE from scratch: every layer, loss and optimiser with its forward and its backward pass, in NumPy alone.

It has two uses.  It shows what a deep-learning library does, one theme a file; and it is an independent check of the rest:
a `models.vae.VAE` with the same weights must give the same loss and the same gradients.

    layers.py          linear, ReLU, sigmoid, reshaping, a chain of layers
    conv.py            convolution and transposed convolution by im2col
    norm.py            batch normalisation
    losses.py          binary cross-entropy, KL, reparameterisation
    optim.py           Adam and learning-rate decay
    model.py           the VAE: loss and gradients of a batch
    train.py           batching and the training loop
    gradient_check.py  finite differences
    compare.py         speed and memory against PyTorch (the only file here that imports torch)

The chain rule in one convention: `forward(x)` keeps what its derivative needs; `backward(grad)` takes dL/d(output), stores
dL/d(parameter) in `grads` and returns dL/d(input).  Shapes as in PyTorch: N images, C channels, H×W pixels, D latents.
"""
