"""One trial, completely described: data set, model, objective, training.  Frozen, validated, serialisable.

A `TrialConfig` is stored with every result.  Its digest names checkpoints, so that a retried trial continues where the
first try stopped; run seeds derive from it, so that the same point of a space gives the same numbers in every study.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from models.config import ARCHITECTURES, OBJECTIVES, Condition, Config, Likelihood, VAEConfig, resolve_options
from models.errors import UserError, explain

__all__ = ["ConditionKind", "Training", "TrialConfig", "digest_of", "run_seed"]


class Training(Config):
    """How a model is trained.  All schedules are functions of the fraction of `steps` that is done.

    lr_schedule  constant; linear (learning_rate → lr_final over the run); exponential (the same, geometrically);
                 one_cycle (Smith & Topin 2018: up to learning_rate over the first 30 %, then down to lr_final, cosine)
    precision    auto: bfloat16 where CPU or GPU has it in hardware, else float32
    compile      torch.compile for the networks; auto: on CUDA, for runs long enough to earn the compilation back
    initialisation   he (`models.initialisation`), which every space takes, or PyTorch's own, which the sources had, or that
                     with the decoder's last bias at the mean pixel.  A configuration that does not say means torch, and
                     torch is not written down: digests stay what they were
    """

    steps: int = Field(ge=1)
    batch_size: int = Field(default=64, ge=1, le=65_536)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    lr_schedule: Literal["constant", "linear", "exponential", "one_cycle"] = "constant"
    lr_final: float = Field(default=1e-6, gt=0, le=1)
    adam_betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    clip_norm: float | None = Field(default=None, gt=0)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    compile: Literal["auto", "never", "always"] = "auto"
    patience: int | None = Field(default=None, ge=1, description="early stopping: reports without a better training loss")
    initialisation: Literal["torch", "mean_pixel", "he"] = Field(default="torch", exclude_if=lambda kind: kind == "torch")


class ConditionKind(Config):
    """Whether and how the class label enters; the number of classes comes from the data set."""

    encoder: Literal["one_hot", "embedding", "none"] = "embedding"
    decoder: Literal["one_hot", "embedding"] = "embedding"
    embedding_dim: int = Field(default=10, ge=1, le=1024)


class TrialConfig(Config):
    """One point of a space.  `*_options` are the fields of the plug-in's own `Config`; defaults are filled in.

    pair   what its seeds derive from instead of its digest: equal for the arms of a paired experiment
    """

    dataset: str
    dataset_options: dict[str, Any] = Field(default_factory=dict)
    architecture: str = "burgess"
    architecture_options: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    latent_dim: int = Field(default=10, ge=1, le=4096)
    likelihood: Likelihood = Likelihood()
    condition: ConditionKind | None = None
    objective: str = "beta_vae"
    objective_options: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    training: Training
    pair: str | None = Field(default=None, exclude_if=lambda pair: pair is None)

    @field_validator("architecture_options", "objective_options")
    @classmethod
    def _known_options(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Validated by the plug-in's own `Config`, which also fills in the defaults: they belong to the digest."""
        what = str(info.field_name).removesuffix("_options")
        plugins = {"architecture": ARCHITECTURES, "objective": OBJECTIVES}[what]
        filled: dict[str, Any] = resolve_options(plugins, info.data[what], options).model_dump(mode="json")
        return filled

    def digest(self) -> str:
        """Sha256 of the canonical JSON: equal configurations have equal digests."""
        return digest_of(self.model_dump(mode="json"))

    def seed(self, root: int, replicate: int) -> int:
        """The seed of one training, see `run_seed`.  Arms of a pair have the same."""
        return run_seed(root, self.pair or self.digest(), replicate)

    def model_config_for(self, image_shape: tuple[int, int, int], classes: int) -> VAEConfig:
        """The model's part of this configuration, for a data set's image shape and number of classes."""
        if self.condition is not None and classes < 2:
            raise UserError(f"a conditional model needs labelled data, but {self.dataset} has no labels")
        condition = Condition(classes=classes, **self.condition.model_dump()) if self.condition else None
        return VAEConfig(
            image_shape=image_shape,
            architecture=self.architecture,
            architecture_options=self.architecture_options,
            latent_dim=self.latent_dim,
            likelihood=self.likelihood,
            condition=condition,
        )

    @classmethod
    def parse(cls, values: dict[str, Any]) -> TrialConfig:
        """Validated, or a `UserError` of one line."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise UserError(explain(error)) from None


def digest_of(value: Any) -> str:
    """Sha256 of a JSON-able value in canonical form (sorted keys, no spaces)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def run_seed(root: int, config_digest: str, replicate: int) -> int:
    """The seed of one training: a function of the study's root seed, the configuration and the replicate's number."""
    key = f"{root}:{config_digest}:{replicate}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:7], "big")
