"""Fully connected: pixels → hidden → 2·latent_dim, mirrored; ReLU between all layers.

The default hidden sizes 1024–256–64 are those of the first source's dSprites network (4096–1024–256–64–z); a single hidden
layer of 400 is Kingma & Welling's and every tutorial's MNIST network (784–400–20).
"""

from __future__ import annotations

import math

from pydantic import Field
from torch import nn

from models import config as base
from models.architectures._layers import linear_stack

__all__ = ["Config", "decoder", "encoder"]


class Config(base.Config):
    """hidden: sizes of the encoder's hidden layers, from the image to the latents; the decoder mirrors them."""

    hidden: tuple[base.LayerSize, ...] = Field(default=(1024, 256, 64), min_length=1)


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    return nn.Sequential(nn.Flatten(), *linear_stack([math.prod(image_shape), *config.hidden, outputs]))


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    layers = linear_stack([inputs, *reversed(config.hidden), math.prod(image_shape)])
    return nn.Sequential(*layers, nn.Unflatten(1, image_shape))
