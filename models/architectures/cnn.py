"""The first source's convolutional network: 32 channels four times, 64→32→16→8→4, then 512–256–64–2·latent_dim, mirrored.

512 = 32·4·4 is the flattened last map; kernels of 4 with stride 2 halve the side exactly (the source gives sizes only).
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from models import config as base
from models.architectures._conv import ConvPlan, conv_decoder, conv_encoder

__all__ = ["Config", "decoder", "encoder"]


class Config(base.Config):
    """channels: of every convolution; hidden: the fully connected layers after the last map; batch_norm: after convolutions."""

    channels: int = Field(default=32, ge=1, le=1024)
    hidden: tuple[base.LayerSize, ...] = (256, 64)
    batch_norm: bool = False


def _plan(config: Config, image_shape: tuple[int, int, int]) -> ConvPlan:
    depth = ConvPlan.depth_to(4, image_shape)
    return ConvPlan("cnn", (config.channels,) * depth, (4,) * depth, config.hidden, config.batch_norm)


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    return conv_encoder(_plan(config, image_shape), image_shape, outputs)


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    return conv_decoder(_plan(config, image_shape), image_shape, inputs)
