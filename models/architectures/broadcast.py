"""The spatial broadcast decoder (Watters et al. 2019): z is repeated at every place of a grid that knows its coordinates.

    z  →  z at each of S×S places, with x and y in [-1, 1] as two more channels  →  convolutions  →  image

A deconvolution network must learn to put a shape somewhere; this decoder only asks, place by place, whether the shape is there,
so that position becomes a simple function of two latents early.  The paper broadcasts to the image's own size; `halvings` does it
to an eighth or a quarter of the side and goes up from there by transposed convolutions, which is ten times cheaper on processors.
The encoder is Burgess et al.'s.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from models import config as base
from models.architectures._conv import ConvPlan, conv_encoder
from models.architectures._layers import conv_up, halvings

__all__ = ["Config", "decoder", "encoder"]


class Config(base.Config):
    """channels: of every convolution; hidden: the encoder's layers; layers: convolutions on the grid; halvings: image to grid."""

    channels: int = Field(default=32, ge=1, le=1024)
    hidden: int = Field(default=256, ge=1, le=8192)
    layers: int = Field(default=3, ge=1, le=16)
    halvings: int = Field(default=2, ge=1, le=6)


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    depth = ConvPlan.depth_to(4, image_shape)
    plan = ConvPlan("broadcast", (config.channels,) * depth, (4,) * depth, (config.hidden,) * 2)
    return conv_encoder(plan, image_shape, outputs)


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    height, width = halvings("broadcast", image_shape, config.halvings)
    layers: list[nn.Module] = [_Broadcast(height, width)]
    for number in range(config.layers):
        layers += [nn.Conv2d(config.channels if number else inputs + 2, config.channels, 3, padding=1), nn.ReLU()]
    up = [config.channels] * config.halvings + [image_shape[0]]
    return nn.Sequential(*layers, *conv_up(up, (4,) * config.halvings))


class _Broadcast(nn.Module):
    """z, repeated at every place, and the place: (B, L) → (B, L + 2, H, W)."""

    grid: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        y, x = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        self.register_buffer("grid", torch.stack(torch.meshgrid(y, x, indexing="ij")), persistent=False)

    def forward(self, z_BL: Tensor) -> Tensor:
        batch, (_, height, width) = z_BL.shape[0], self.grid.shape  # len() would fix the batch size in an exported file
        z_BLHW = z_BL[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([z_BLHW, self.grid.to(z_BL.dtype).expand(batch, -1, -1, -1)], dim=1)
