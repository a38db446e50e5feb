"""The network of Burgess et al. 2018: four convolutions 32, kernel 4, stride 2 → 256 → 256 → 2·latent_dim, mirrored.

Images of other sizes get as many halvings as lead to a 4×4 map: 64 → 4, 32 → 3.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from models import config as base
from models.architectures._conv import ConvPlan, conv_decoder, conv_encoder

__all__ = ["Config", "decoder", "encoder"]


class Config(base.Config):
    """channels: of every convolution; hidden: of both fully connected layers."""

    channels: int = Field(default=32, ge=1, le=1024)
    hidden: int = Field(default=256, ge=1, le=8192)


def _plan(config: Config, image_shape: tuple[int, int, int]) -> ConvPlan:
    depth = ConvPlan.depth_to(4, image_shape)
    return ConvPlan("burgess", (config.channels,) * depth, (4,) * depth, (config.hidden,) * 2)


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    return conv_encoder(_plan(config, image_shape), image_shape, outputs)


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    return conv_decoder(_plan(config, image_shape), image_shape, inputs)
