"""ResNet-18-style encoder and its mirror image (He et al. 2016), for small pictures: any height and width from 16 on.

Encoder: 3×3 convolution, four stages of two basic blocks with `width`, 2·, 4·, 8·`width` channels, of which stages 2 to 4
halve the map (odd sides round up), then the mean over the map and one linear layer.  Decoder: a linear layer to the
encoder's last map, the same stages backwards, each enlarging the map to the encoder's size by repeating pixels, and a 3×3
convolution to the image's channels.

width = 64 is ResNet-18 (its 7×7 stem and max-pooling, made for 224×224, are left out); the default 16, He et al.'s width
for CIFAR-10, costs a sixteenth of that.  The blocks are torchvision's, with batch normalisation, trained from scratch.
"""

from __future__ import annotations

import math
from itertools import pairwise

from pydantic import Field
from torch import nn
from torchvision.models.resnet import BasicBlock

from models import config as base
from models.errors import UserError

__all__ = ["Config", "decoder", "encoder"]

STAGES = 4


class Config(base.Config):
    """width: channels of the first stage; blocks: basic blocks in each stage."""

    width: int = Field(default=16, ge=1, le=256)
    blocks: int = Field(default=2, ge=1, le=8)


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    _map_sizes(image_shape)
    widths = _widths(config)
    stages = [_stage(config, c_in, c_out, stride=2) for c_in, c_out in pairwise(widths)]
    first = _stage(config, config.width, config.width, stride=1)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], outputs)]
    return nn.Sequential(*_stem(image_shape[0], config.width), first, *stages, *head)


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    sizes, widths = _map_sizes(image_shape), _widths(config)[::-1]
    first_map = (widths[0], *sizes[-1])
    layers: list[nn.Module] = [nn.Linear(inputs, math.prod(first_map)), nn.Unflatten(1, first_map)]
    for (c_in, c_out), size in zip(pairwise(widths), sizes[-2::-1], strict=True):
        layers += [_stage(config, c_in, c_out, stride=1), nn.Upsample(size=size, mode="nearest")]
    last = _stage(config, config.width, config.width, stride=1)
    return nn.Sequential(*layers, last, nn.Conv2d(config.width, image_shape[0], 3, padding=1))


def _stem(channels: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]


def _stage(config: Config, c_in: int, c_out: int, stride: int) -> nn.Module:
    """Basic blocks; the first one changes channels and size, with a 1×1 convolution on its short cut."""
    changes = stride != 1 or c_in != c_out
    shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)) if changes else None
    rest = [BasicBlock(c_out, c_out) for _ in range(config.blocks - 1)]
    return nn.Sequential(BasicBlock(c_in, c_out, stride, shortcut), *rest)


def _widths(config: Config) -> list[int]:
    return [config.width * 2**stage for stage in range(STAGES)]


def _map_sizes(image_shape: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(height, width) of the map in every stage, from the image's own down.  Raises `UserError` for a side below 16."""
    _, height, width = image_shape
    if min(height, width) < 16:
        raise UserError(f"architecture resnet needs image sides >= 16, but got {height}x{width}")
    return [(math.ceil(height / 2**stage), math.ceil(width / 2**stage)) for stage in range(STAGES)]
