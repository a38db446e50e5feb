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

__all__ = ["best_variance", "gaussian_kl", "reconstruction_nll", "reparameterise"]

LEAST_VARIANCE = 1e-6
"""σ = .001, a quarter of a grey level: a reconstruction that is exact to the last digit stays finite."""


def reconstruction_nll(likelihood: Likelihood, logits_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
    """−log p(x|z) of each image, shape (B,), nats.  `logits` are the decoder's outputs before the sigmoid.

    >>> x = torch.ones(1, 1, 1, 2)
    >>> reconstruction_nll(Likelihood(), torch.zeros_like(x), x).item()  # two pixels of log 2
    1.3862943649291992
    """
    if likelihood.kind == "bernoulli":
        nll = F.binary_cross_entropy_with_logits(logits_BCHW, x_BCHW, reduction="none")
        return nll.flatten(1).sum(1)
    squared_B = (torch.sigmoid(logits_BCHW) - x_BCHW).square().flatten(1).sum(1)
    pixels = math.prod(x_BCHW.shape[1:])
    if likelihood.kind == "calibrated":
        variance = best_variance(squared_B, pixels)
        return squared_B / (2 * variance) + 0.5 * pixels * (2 * math.pi * variance).log()
    constant = pixels * math.log(likelihood.scale * math.sqrt(2 * math.pi))
    return squared_B / (2 * likelihood.scale**2) + constant


def best_variance(squared_B: Tensor, pixels: int) -> Tensor:
    """The Gaussian's σ² under which a batch is most likely: its mean squared error, from squared errors summed over pixels.

    Without gradient, and the batch's gradient is the same as with it: at the best σ² the derivative by σ² is zero.

    >>> best_variance(torch.tensor([1.0, 3.0]), 8)
    tensor(0.2500)
    """
    return (squared_B.detach().mean() / pixels).clamp(min=LEAST_VARIANCE)


def gaussian_kl(mu_BD: Tensor, logvar_BD: Tensor) -> Tensor:
    """KL(N(mu, exp logvar) ‖ N(0, 1)) of each latent, shape (B, D), nats: ½(mu² + σ² − 1 − log σ²).

    `expm1` keeps the digits of an unused latent, whose σ² − 1 would otherwise be rounding error.
    """
    return 0.5 * (mu_BD.square() + logvar_BD.expm1() - logvar_BD)


def reparameterise(mu_BD: Tensor, logvar_BD: Tensor, noise_BD: Tensor) -> Tensor:
    """z = mu + σ·noise: a sample of q(z|x) through which gradients flow (Kingma & Welling 2014, §2.4)."""
    return mu_BD + torch.exp(0.5 * logvar_BD) * noise_BD
