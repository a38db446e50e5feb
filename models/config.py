"""What it takes to build a model: frozen, validated, serialisable, and stored wherever the model goes.

`VAEConfig` travels in the checkpoint, in the trial's row and in the registry's manifest.  This module is torch-free; an
architecture's or objective's own options are validated by the `Config` class in its plug-in file when the model is built
(`resolve_options`).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python

from models.errors import UserError, explain
from models.plugins import Plugins

__all__ = [
    "ARCHITECTURES",
    "OBJECTIVES",
    "Condition",
    "Config",
    "LayerSize",
    "Likelihood",
    "Options",
    "VAEConfig",
    "resolve_options",
]

ARCHITECTURES = Plugins("models.architectures", kind="architecture")
OBJECTIVES = Plugins("models.objectives", kind="objective")

LayerSize = Annotated[int, Field(ge=1, le=16_384)]
"""Units or channels of one layer."""

Options = Annotated[dict[str, Any], AfterValidator(to_jsonable_python)]
"""A plug-in's options as JSON has them (a tuple is a list), so that a configuration equals its stored copy."""


class Config(BaseModel):
    """Base of every configuration: immutable, and an unknown key is an error rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Likelihood(Config):
    """p(x|z) per pixel.  Its scale decides what β means, so it is always explicit.

    bernoulli  −log p = −[x log y + (1−x) log(1−y)], y the decoded pixel mean; x may be a grey level in [0, 1].
    gaussian   −log p = (x−y)²/(2·scale²) + log(scale·√(2π)).  scale = √½ makes the squared-error term Σ(x−y)², the
               "MSE + KL" of many tutorials, up to a constant.
    calibrated a Gaussian whose σ is learned (σ-VAE, Rybkin et al. 2021): in every step the best one for the batch, σ² = its
               mean squared error.  A finished model has the σ of its training images and is a plain `gaussian`.
    """

    kind: Literal["bernoulli", "gaussian", "calibrated"] = "bernoulli"
    scale: float = Field(default=math.sqrt(0.5), gt=0, description="σ of the Gaussian; ignored by the others")


class Condition(Config):
    """A class label that encoder and decoder are told.

    encoder / decoder: how the label becomes a vector: `one_hot` (length `classes`) or a learned `embedding` (length
    `embedding_dim`); `none` leaves that side untold.
    """

    classes: int = Field(ge=2, le=10_000)
    encoder: Literal["one_hot", "embedding", "none"] = "embedding"
    decoder: Literal["one_hot", "embedding"] = "embedding"
    embedding_dim: int = Field(default=10, ge=1, le=1024)
    channels: int = Field(default=3, ge=1, le=64, description="what the 1×1 convolution makes of image and label planes")


class VAEConfig(Config):
    """One VAE: which networks, which latent size, for which images.

    image_shape: (C, H, W).  architecture_options: the fields of the architecture's own `Config`.
    """

    image_shape: tuple[LayerSize, LayerSize, LayerSize]
    architecture: str = "burgess"
    architecture_options: Options = Field(default_factory=dict)
    latent_dim: int = Field(default=10, ge=1, le=4096)
    likelihood: Likelihood = Likelihood()
    condition: Condition | None = None


def resolve_options(plugins: Plugins, name: str, options: dict[str, Any]) -> Any:
    """The plug-in's own `Config`, validated.  Raises `UserError` naming plug-in, field, rule and value."""
    config_class = plugins.load(name).Config
    try:
        return config_class(**options)
    except ValidationError as error:
        raise UserError(f"{plugins.kind} {name}: {explain(error)}") from None
