"""What several architectures share: stacks of linear and stride-2 convolution layers, and the checks on image sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from models.errors import UserError

__all__ = ["conv_down", "conv_up", "halvings", "linear_stack"]


def linear_stack(sizes: Sequence[int], *, last_activation: bool = False) -> list[nn.Module]:
    """Linear layers sizes[0] → … → sizes[-1] with ReLU between them (and after the last one on request)."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return layers if last_activation else layers[:-1]


def conv_down(channels: Sequence[int], kernels: Sequence[int], *, batch_norm: bool = False) -> list[nn.Module]:
    """Stride-2 convolutions, each halving the side exactly, with ReLU (on request batch normalisation first) after each."""
    layers: list[nn.Module] = []
    for c_in, c_out, k in zip(channels[:-1], channels[1:], kernels, strict=True):
        layers += [nn.Conv2d(c_in, c_out, k, stride=2, padding=(k - 2) // 2, bias=not batch_norm)]
        layers += _after(c_out, batch_norm)
    return layers


def conv_up(channels: Sequence[int], kernels: Sequence[int], *, batch_norm: bool = False) -> list[nn.Module]:
    """Stride-2 transposed convolutions, each doubling the side exactly, with the same between them."""
    *inner, (c_last, c_image, k_last) = zip(channels[:-1], channels[1:], kernels, strict=True)
    layers: list[nn.Module] = []
    for c_in, c_out, k in inner:
        layers += [nn.ConvTranspose2d(c_in, c_out, k, stride=2, padding=(k - 2) // 2, bias=not batch_norm)]
        layers += _after(c_out, batch_norm)
    return [*layers, nn.ConvTranspose2d(c_last, c_image, k_last, stride=2, padding=(k_last - 2) // 2)]


def halvings(name: str, image_shape: tuple[int, int, int], times: int) -> tuple[int, int]:
    """Height and width after `times` exact halvings.  Raises `UserError` where a side does not divide."""
    _, height, width = image_shape
    factor = 2**times
    if height % factor or width % factor:
        raise UserError(
            f"architecture {name} needs image sides divisible by {factor}, but got {height}x{width}; "
            f"the next size that works is {_up(height, factor)}x{_up(width, factor)}"
        )
    return height // factor, width // factor


def _after(channels: int, batch_norm: bool) -> list[nn.Module]:
    """What follows a convolution.  Batch normalisation has its own shift, so a convolution before it has no bias."""
    return [nn.BatchNorm2d(channels), nn.ReLU()] if batch_norm else [nn.ReLU()]


def _up(size: int, factor: int) -> int:
    return math.ceil(size / factor) * factor
