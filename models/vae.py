"""The variational autoencoder: an encoder, a decoder, and nothing about how they are trained.

Suffixes: B images of a batch, C×H×W pixels, D latents, K entries of a condition's vector.

A condition (class label) enters once, here, so that every architecture can be conditional without knowing it:

    encoder   the label's vector is expanded over the image, concatenated as channels, and a 1×1 convolution brings the
              stack down to `Condition.channels`, which is what the encoder then takes for the image's channels
    decoder   the label's vector is concatenated to z

Labels are not range-checked here, where a check would stall a GPU; `models.codec.check_labels` does it once on arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import ARCHITECTURES, Condition, Likelihood, VAEConfig, resolve_options
from models.elbo import best_variance, gaussian_kl, reconstruction_nll, reparameterise
from models.errors import UserError

__all__ = ["VAE", "Terms"]


class Terms(NamedTuple):
    """What an objective sees of one batch.  nll and kl in nats; `kl_BD` still per latent."""

    nll_B: Tensor
    kl_BD: Tensor
    mu_BD: Tensor
    logvar_BD: Tensor
    z_BD: Tensor


class VAE(nn.Module):
    """q(z|x) and p(x|z) as configured.  Images are float in [0, 1], shape (B, C, H, W)."""

    def __init__(self, config: VAEConfig) -> None:
        """Raises `UserError` for an unknown architecture or one that cannot do this image or latent size."""
        super().__init__()
        self.config = config
        self.likelihood = config.likelihood
        plugin = ARCHITECTURES.load(config.architecture)
        options = resolve_options(ARCHITECTURES, config.architecture, config.architecture_options)
        channels, *size = config.image_shape
        self.label = _LabelInput(config.condition, channels) if config.condition else None
        told = self.label.decoder_dim if self.label else 0
        seen = self.label.encoder_channels if self.label else channels
        self.encoder: nn.Module = plugin.encoder(options, (seen, *size), 2 * config.latent_dim)
        self.decoder: nn.Module = plugin.decoder(options, config.image_shape, config.latent_dim + told)

    def encode(self, x_BCHW: Tensor, condition_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mu and logvar of q(z|x), each (B, D), float32 also under autocast."""
        self._check(condition_B)
        if self.label is not None and condition_B is not None:
            x_BCHW = self.label.into_image(x_BCHW, condition_B)
        mu_BD, logvar_BD = _full_precision(self.encoder(x_BCHW)).chunk(2, dim=1)
        return mu_BD, logvar_BD

    def logits(self, z_BD: Tensor, condition_B: Tensor | None = None) -> Tensor:
        """The decoder's outputs before the sigmoid, (B, C, H, W), float32 also under autocast."""
        self._check(condition_B)
        if self.label is not None and condition_B is not None:
            z_BD = self.label.into_latents(z_BD, condition_B)
        return _full_precision(self.decoder(z_BD))

    def decode(self, z_BD: Tensor, condition_B: Tensor | None = None) -> Tensor:
        """Pixel means E[x|z] in [0, 1], (B, C, H, W)."""
        return torch.sigmoid(self.logits(z_BD, condition_B))

    def forward(self, x_BCHW: Tensor, noise_BD: Tensor, condition_B: Tensor | None = None) -> Terms:
        """−log p(x|z) and KL(q(z|x) ‖ p(z)) for one batch and one sample z = mu + σ·noise of each image."""
        mu_BD, logvar_BD = self.encode(x_BCHW, condition_B)
        z_BD = reparameterise(mu_BD, logvar_BD, noise_BD)
        nll_B = reconstruction_nll(self.likelihood, self.logits(z_BD, condition_B), x_BCHW)
        return Terms(nll_B, gaussian_kl(mu_BD, logvar_BD), mu_BD, logvar_BD, z_BD)

    @torch.no_grad()
    def calibrate(self, x_BCHW: Tensor, noise_BD: Tensor, condition_B: Tensor | None = None) -> None:
        """Say in `config` which Gaussian a calibrated likelihood is by now: the best σ for these training images.

        `config` is what the model is stored and evaluated with; training goes on with the likelihood it was built with.
        """
        if self.likelihood.kind != "calibrated":
            return
        z_BD = reparameterise(*self.encode(x_BCHW, condition_B), noise_BD)
        squared_B = (self.decode(z_BD, condition_B) - x_BCHW).square().flatten(1).sum(1)
        scale = best_variance(squared_B, math.prod(self.config.image_shape)).sqrt()
        gaussian = Likelihood(kind="gaussian", scale=float(scale))
        self.config = self.config.model_copy(update={"likelihood": gaussian})

    def _check(self, condition_B: Tensor | None) -> None:
        if (self.label is None) != (condition_B is None):
            has, got = ("no", "a") if self.label is None else ("a", "no")
            raise UserError(f"this model has {has} condition, but {got} condition was given")


def _full_precision(output: Tensor) -> Tensor:
    """float32 for what autocast left in 16 bits, where exp and sums over pixels would lose too much."""
    return output.to(torch.promote_types(output.dtype, torch.float32))


class _LabelInput(nn.Module):
    """Turns class labels into what the two networks are told."""

    def __init__(self, config: Condition, channels: int) -> None:
        super().__init__()
        self.config = config
        sizes = {"one_hot": config.classes, "embedding": config.embedding_dim, "none": 0}
        self.decoder_dim = sizes[config.decoder]
        needs_embedding = "embedding" in (config.encoder, config.decoder)
        self.embedding = nn.Embedding(config.classes, config.embedding_dim) if needs_embedding else None
        told = sizes[config.encoder]
        self.merge = nn.Conv2d(channels + told, config.channels, kernel_size=1) if told else None
        self.encoder_channels = config.channels if told else channels

    def into_image(self, x_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        if self.merge is None:
            return x_BCHW
        told_BK = self._vector(self.config.encoder, labels_B)
        planes = told_BK[:, :, None, None].expand(-1, -1, *x_BCHW.shape[2:])
        merged: Tensor = self.merge(torch.cat([x_BCHW, planes.to(x_BCHW.dtype)], dim=1))
        return merged

    def into_latents(self, z_BD: Tensor, labels_B: Tensor) -> Tensor:
        return torch.cat([z_BD, self._vector(self.config.decoder, labels_B)], dim=1)

    def _vector(self, kind: str, labels_B: Tensor) -> Tensor:
        if kind == "one_hot":
            return F.one_hot(labels_B, self.config.classes).float()
        assert self.embedding is not None
        vector: Tensor = self.embedding(labels_B)
        return vector
