"""The two terms of the evidence lower bound, in nats per image.

    −ELBO(x) = E_q(z|x)[−log p(x|z)] + KL(q(z|x) ‖ p(z))          (Kingma & Welling 2014, eq. 3)

with q(z|x) = N(mu, diag exp logvar) and p(z) = N(0, I).  The reconstruction term is summed over pixels, the KL over
latents; both stay per image here, so that whoever averages says so.  Suffixes: B images, D latents, C×H×W pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.config import Likelihood

__all__ = ["gaussian_kl", "reconstruction_nll", "reparameterise"]


def reconstruction_nll(likelihood: Likelihood, logits_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
    """−log p(x|z) of each image, shape (B,), nats.  `logits` are the decoder's outputs before the sigmoid.

    >>> x = torch.ones(1, 1, 1, 2)
    >>> reconstruction_nll(Likelihood(), torch.zeros_like(x), x).item()  # two pixels of log 2
    1.3862943649291992
    """
    if likelihood.kind == "bernoulli":
        nll = F.binary_cross_entropy_with_logits(logits_BCHW, x_BCHW, reduction="none")
        return nll.flatten(1).sum(1)
    squared = (torch.sigmoid(logits_BCHW) - x_BCHW).square().flatten(1).sum(1)
    pixels = math.prod(x_BCHW.shape[1:])
    constant = pixels * math.log(likelihood.scale * math.sqrt(2 * math.pi))
    return squared / (2 * likelihood.scale**2) + constant


def gaussian_kl(mu_BD: Tensor, logvar_BD: Tensor) -> Tensor:
    """KL(N(mu, exp logvar) ‖ N(0, 1)) of each latent, shape (B, D), nats: ½(mu² + σ² − 1 − log σ²).

    `expm1` keeps the digits of an unused latent, whose σ² − 1 would otherwise be rounding error.
    """
    return 0.5 * (mu_BD.square() + logvar_BD.expm1() - logvar_BD)


def reparameterise(mu_BD: Tensor, logvar_BD: Tensor, noise_BD: Tensor) -> Tensor:
    """z = mu + σ·noise: a sample of q(z|x) through which gradients flow (Kingma & Welling 2014, §2.4)."""
    return mu_BD + torch.exp(0.5 * logvar_BD) * noise_BD
