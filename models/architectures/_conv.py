"""Stride-2 convolution networks with a fully connected head, as several published VAEs use them.

A `ConvPlan` lists the convolutions from the image inwards; the decoder walks it backwards, so both are mirror images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import nn

from models.architectures._layers import conv_down, conv_up, halvings, linear_stack

__all__ = ["ConvPlan", "conv_decoder", "conv_encoder"]


class ConvPlan(NamedTuple):
    """channels and kernels: one entry a stride-2 convolution; hidden: sizes of the fully connected layers after them."""

    name: str
    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    hidden: tuple[int, ...]
    batch_norm: bool = False

    @staticmethod
    def depth_to(side: int, image_shape: tuple[int, int, int]) -> int:
        """How many halvings bring the shorter image side down to `side` or just above it (at least one)."""
        return max(1, math.floor(math.log2(min(image_shape[1:]) / side)))


def conv_encoder(plan: ConvPlan, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    features = _features(plan, image_shape)
    return nn.Sequential(
        *conv_down([image_shape[0], *plan.channels], plan.kernels, batch_norm=plan.batch_norm),
        nn.Flatten(),
        *linear_stack([math.prod(features), *plan.hidden, outputs]),
    )


def conv_decoder(plan: ConvPlan, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    features = _features(plan, image_shape)
    return nn.Sequential(
        *linear_stack([inputs, *reversed(plan.hidden), math.prod(features)], last_activation=True),
        nn.Unflatten(1, features),
        *conv_up([*reversed(plan.channels), image_shape[0]], plan.kernels[::-1], batch_norm=plan.batch_norm),
    )


def _features(plan: ConvPlan, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Shape of the last convolution's map."""
    height, width = halvings(plan.name, image_shape, len(plan.channels))
    return plan.channels[-1], height, width
