"""The conv net of the field's protocol (Locatello et al. 2019, disentanglement_lib).

Encoder: convolutions 32k4, 32k4, 64k2, 64k2, all stride 2 → 256 → 2·latent_dim.  Decoder: 256 → 64·4·4 → transposed
convolutions 64, 32, 32, C, all k4, stride 2.
"""

from __future__ import annotations

from torch import nn

from models import config as base
from models.architectures._conv import ConvPlan, conv_decoder, conv_encoder

__all__ = ["Config", "decoder", "encoder"]

ENCODER = ConvPlan("locatello", (32, 32, 64, 64), (4, 4, 2, 2), (256,))
# The decoder's channels are listed from the image inwards, as in the encoder; its first map has 64 channels.
DECODER = ConvPlan("locatello", (32, 32, 64, 64), (4, 4, 4, 4), (256,))


class Config(base.Config):
    """Fixed by the protocol: no options."""


def encoder(config: Config, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(B, C, H, W) → (B, outputs)."""
    return conv_encoder(ENCODER, image_shape, outputs)


def decoder(config: Config, image_shape: tuple[int, int, int], inputs: int) -> nn.Module:
    """(B, inputs) → (B, C, H, W) logits."""
    return conv_decoder(DECODER, image_shape, inputs)
