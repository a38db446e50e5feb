"""The VAE of NumPy layers: the loss of a batch, and the gradient of every parameter.

    L = mean over the batch of  BCE(x, decoder(z)) + β·KL(q(z|x) ‖ N(0, I)),      z = mu + σ·noise

Gradients flow back the way the values came: from the logits through the decoder to z, from z to mu and logvar, where those
of the KL join them, and through the encoder.

`mlp` and `cnn` build the networks that `models.architectures` calls `mlp` and `burgess` or `cnn`.  Everything has the same
name as there (`encoder.1.weight`), so `set_state` takes a PyTorch state dictionary as arrays, and `state` gives one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from models.errors import UserError
from models.numpy_vae.conv import Conv2d, ConvTranspose2d
from models.numpy_vae.layers import Array, Chain, Layer, Linear, ReLU, Reshape
from models.numpy_vae.losses import bce_with_logits, gaussian_kl, reparameterise, reparameterise_backward
from models.numpy_vae.norm import BatchNorm

__all__ = ["Losses", "NumpyVAE", "cnn", "mlp"]


@dataclass(frozen=True)
class Losses:
    """Batch means, nats per image.  loss = recon + β·kl."""

    loss: float
    recon: float
    kl: float


class NumpyVAE:
    """Encoder (N, C, H, W) → (N, 2D), mu then logvar; decoder (N, D) → (N, C, H, W) logits."""

    def __init__(self, encoder: Chain, decoder: Chain, latent_dim: int, dtype: DTypeLike = np.float32) -> None:
        self.encoder, self.decoder, self.latent_dim = encoder, decoder, latent_dim
        self.dtype = np.dtype(dtype)
        for layer in (*encoder.layers, *decoder.layers):
            layer.params = {name: array.astype(self.dtype) for name, array in layer.params.items()}
            layer.buffers = {name: array.astype(self.dtype) for name, array in layer.buffers.items()}

    def params(self) -> dict[str, Array]:
        """Every parameter by name; the arrays themselves, to be changed in place."""
        return {**_prefixed("encoder", self.encoder.named_params()), **_prefixed("decoder", self.decoder.named_params())}

    def grads(self) -> dict[str, Array]:
        """The gradients of the last `loss_and_gradients`, by the same names."""
        return {**_prefixed("encoder", self.encoder.named_grads()), **_prefixed("decoder", self.decoder.named_grads())}

    def state(self) -> dict[str, Array]:
        """Parameters and running averages: all that makes up the trained model."""
        encoder, decoder = self.encoder.named_buffers(), self.decoder.named_buffers()
        return {**self.params(), **_prefixed("encoder", encoder), **_prefixed("decoder", decoder)}

    def set_state(self, values: dict[str, Array]) -> None:
        """Overwrite every array of `state`.  Raises `UserError` unless names and shapes are the model's own."""
        own = self.state()
        shapes = {name: array.shape for name, array in own.items()}
        given = {name: array.shape for name, array in values.items()}
        if given != shapes:
            odd = sorted(name for name in shapes.keys() | given.keys() if shapes.get(name) != given.get(name))
            raise UserError(f"arrays must have the model's names and shapes, but these differ: {', '.join(odd)}")
        for name, array in own.items():
            array[...] = values[name]

    def train(self, mode: bool = True) -> None:
        """Batch normalisation by the batch (training) or by the running averages (evaluation)."""
        for layer in (*self.encoder.layers, *self.decoder.layers):
            if isinstance(layer, BatchNorm):
                layer.training = mode

    def encode(self, x: Array) -> tuple[Array, Array]:
        """mu and logvar, each (N, D)."""
        mu, logvar = np.split(self.encoder.forward(x.astype(self.dtype, copy=False)), 2, axis=1)
        return mu, logvar

    def decode(self, z: Array) -> Array:
        """Pixel means in [0, 1], (N, C, H, W)."""
        return 0.5 * (1 + np.tanh(0.5 * self.decoder.forward(z.astype(self.dtype, copy=False))))

    def loss(self, x: Array, noise: Array, beta: float = 1.0) -> Losses:
        """Of the images x (N, C, H, W) in [0, 1], with standard normal noise (N, D)."""
        return self._forward(x, noise, beta)[0]

    def loss_and_gradients(self, x: Array, noise: Array, beta: float = 1.0) -> tuple[Losses, dict[str, Array]]:
        """The losses, and dL/d(parameter) by name."""
        losses, (logvar, dlogits, dkl_mu, dkl_logvar) = self._forward(x, noise, beta)
        dz = self.decoder.backward(dlogits / len(x))
        dz_mu, dz_logvar = reparameterise_backward(dz, logvar, noise.astype(self.dtype, copy=False))
        share = np.asarray(beta / len(x), self.dtype)
        self.encoder.backward(np.concatenate([dz_mu + share * dkl_mu, dz_logvar + share * dkl_logvar], axis=1))
        return losses, self.grads()

    def _forward(self, x: Array, noise: Array, beta: float) -> tuple[Losses, tuple[Array, Array, Array, Array]]:
        """The losses, and logvar with the derivatives that the way back starts from."""
        x, noise = x.astype(self.dtype, copy=False), noise.astype(self.dtype, copy=False)
        mu, logvar = self.encode(x)
        logits = self.decoder.forward(reparameterise(mu, logvar, noise))
        nll, dlogits = bce_with_logits(logits, x)
        kl, dkl_mu, dkl_logvar = gaussian_kl(mu, logvar)
        recon, kl_mean = float(nll.mean()), float(kl.mean())
        return Losses(recon + beta * kl_mean, recon, kl_mean), (logvar, dlogits, dkl_mu, dkl_logvar)


def mlp(
    image_shape: tuple[int, int, int], hidden: tuple[int, ...], latent_dim: int, seed: int = 0, dtype: DTypeLike = np.float32
) -> NumpyVAE:
    """Fully connected: pixels → hidden → 2·latent_dim, mirrored."""
    rng, pixels = np.random.default_rng(seed), math.prod(image_shape)
    encoder = Chain(Reshape(-1), *_linear([pixels, *hidden, 2 * latent_dim], rng))
    decoder = Chain(*_linear([latent_dim, *reversed(hidden), pixels], rng), Reshape(*image_shape))
    return NumpyVAE(encoder, decoder, latent_dim, dtype)


def cnn(
    image_shape: tuple[int, int, int],
    channels: tuple[int, ...],
    hidden: tuple[int, ...],
    latent_dim: int,
    *,
    batch_norm: bool = False,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> NumpyVAE:
    """Convolutions k4 s2 p1 with `channels` → hidden → 2·latent_dim, mirrored; batch normalisation after each on request.

    Raises `UserError` for an image that cannot be halved as often as there are convolutions.
    """
    c, height, width = image_shape
    factor = 2 ** len(channels)
    if height % factor or width % factor:
        raise UserError(f"{len(channels)} convolutions need image sides divisible by {factor}, but got {height}x{width}")
    rng = np.random.default_rng(seed)
    last_map = channels[-1], height // factor, width // factor
    features = math.prod(last_map)
    encoder: list[Layer] = []
    for c_in, c_out in pairwise([c, *channels]):
        encoder += [Conv2d(c_in, c_out, 4, 2, 1, rng, bias=not batch_norm), *_after(c_out, batch_norm)]
    encoder += [Reshape(-1), *_linear([features, *hidden, 2 * latent_dim], rng)]
    decoder: list[Layer] = [*_linear([latent_dim, *reversed(hidden), features], rng), ReLU(), Reshape(*last_map)]
    for c_in, c_out in pairwise(reversed(channels)):
        decoder += [ConvTranspose2d(c_in, c_out, 4, 2, 1, rng, bias=not batch_norm), *_after(c_out, batch_norm)]
    decoder += [ConvTranspose2d(channels[0], c, 4, 2, 1, rng)]
    return NumpyVAE(Chain(*encoder), Chain(*decoder), latent_dim, dtype)


def _linear(sizes: list[int], rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [Linear(fan_in, fan_out, rng), ReLU()]
    return layers[:-1]


def _after(channels: int, batch_norm: bool) -> list[Layer]:
    """What follows a convolution.  Batch normalisation has its own shift, so a convolution before it has no bias."""
    return [BatchNorm(channels), ReLU()] if batch_norm else [ReLU()]


def _prefixed(prefix: str, named: Iterator[tuple[str, Array]]) -> dict[str, Array]:
    return {f"{prefix}.{name}": array for name, array in named}
