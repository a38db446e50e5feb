"""What a published model is, in one immutable JSON document; its sha256 is the model's identity.

The manifest says nothing about where the model is stored (its name, version and aliases live in the store), so that a copy
in another store has the same digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator

from models.config import Config, VAEConfig
from models.errors import explain
from models.preprocessing import Preprocessing
from registry.disk import canonical_json, sha256
from registry.errors import RegistryError
from registry.names import check_file_name

__all__ = [
    "CLAIMED",
    "FOREIGN",
    "Budget",
    "DatasetRecord",
    "FileRecord",
    "Graph",
    "Lineage",
    "Manifest",
    "Parity",
    "Preprocessing",
    "Signature",
    "TensorSpec",
    "parse_manifest",
    "signature_of",
]

FORMAT = 1
FOREIGN = "onnx"  # architecture of a model that was made elsewhere (`registry.foreign`)
CLAIMED = "claimed_"  # before a metric that was not computed here
Digest = Annotated[str, StringConstraints(pattern=re.compile(r"^sha256:[0-9a-f]{64}$"))]


class TensorSpec(Config):
    """One input or output.  A size given as text (`"batch"`) is free.  range: what values may be, where that is bounded."""

    name: str
    dtype: Literal["float32", "int64"]
    shape: tuple[int | str, ...]
    range: tuple[float, float] | None = None


class Graph(Config):
    """The face of one ONNX file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class Signature(Config):
    """encoder: image[, condition] → mu, logvar.  decoder: z[, condition] → image (pixel means)."""

    encoder: Graph
    decoder: Graph

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        channels, height, width = (int(size) for size in self.encoder.inputs[0].shape[1:])
        return channels, height, width

    @property
    def latent_dim(self) -> int:
        """D."""
        return int(self.decoder.inputs[0].shape[1])

    @property
    def classes(self) -> int | None:
        """Number of class labels of a conditional model, else None."""
        if len(self.encoder.inputs) == 1:
            return None
        limits = self.encoder.inputs[1].range
        assert limits is not None
        return int(limits[1]) + 1


class FileRecord(Config):
    """Size in bytes and sha256 of one file of the version."""

    size: int = Field(ge=0)
    sha256: Digest


class DatasetRecord(Config):
    """What it was trained on.  source: "official", "drawn" … (see `study.datasets`); digest: of the content."""

    name: str
    source: str
    digest: str


class Budget(Config):
    """How long it was trained: the budget's name and its number of optimiser steps."""

    name: str
    steps: int = Field(ge=0)


class Lineage(Config):
    """Where the model comes from.

    seed: None where it is not known.
    seeds: how many seeds of this configuration were trained; 1 means that its metrics are a single draw.
    config: the trial's whole configuration as JSON; config_digest: its sha256.
    git_commit, git_dirty: of the code that trained it; None when it was not run from a checkout.
    """

    dataset: DatasetRecord
    budget: Budget
    seed: int | None = None
    seeds: int = Field(default=1, ge=1)
    study: str | None = None
    trial: int | str | None = None
    config: dict[str, JsonValue] = Field(default_factory=dict)
    config_digest: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    libraries: dict[str, str] = Field(default_factory=dict)
    hardware: dict[str, JsonValue] = Field(default_factory=dict)


class Parity(Config):
    """How far the ONNX files are from torch in float32: largest absolute difference of any output over `inputs` images.

    atol: what was allowed, times max(1, |output|).
    """

    inputs: int = Field(ge=1)
    encoder_max_error: float = Field(ge=0)
    decoder_max_error: float = Field(ge=0)
    atol: float = Field(gt=0)


class Manifest(Config):
    """All of it.  metrics: recomputed from the exported files by `evaluator`; null where a metric is not defined; `claimed_…` as
    the maker of a foreign model says.

    parity: None for a foreign model, and while a model is on its way through the publish gate.
    """

    format: Literal[1] = 1
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    signature: Signature
    preprocessing: Preprocessing
    model: VAEConfig
    lineage: Lineage
    parity: Parity | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)
    evaluator: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    description: str = ""
    files: dict[str, FileRecord] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if self.signature != signature_of(self.model):
            raise ValueError("the signature must be that of the model's configuration")
        if self.preprocessing.image_shape != self.model.image_shape:
            got = f"{self.preprocessing.image_shape} instead of {self.model.image_shape}"
            raise ValueError(f"preprocessing must give the model's images, but it gives {got}")
        return self

    def with_files(self, files: Mapping[str, bytes]) -> Manifest:
        """The same manifest, with size and sha256 of these files."""
        records = {check_file_name(path): FileRecord(size=len(data), sha256=sha256(data)) for path, data in sorted(files.items())}
        return self.model_copy(update={"files": records})

    def to_bytes(self) -> bytes:
        """The bytes that are stored, and whose sha256 is the model's identity."""
        return canonical_json(self.model_dump(mode="json"))


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes.  Raises `RegistryError` when it is of a newer format or breaks a rule."""
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise RegistryError(_why(error)) from None
    if manifest.parity is None and manifest.model.architecture != FOREIGN:
        raise RegistryError("the manifest is not valid: parity must have been measured")
    for path in manifest.files:
        check_file_name(path)
    return manifest


def signature_of(config: VAEConfig) -> Signature:
    """The signature that a model of this configuration has."""
    image = TensorSpec(name="image", dtype="float32", shape=("batch", *config.image_shape), range=(0, 1))
    latents: dict[str, Any] = {"dtype": "float32", "shape": ("batch", config.latent_dim)}
    told: tuple[TensorSpec, ...] = ()
    if config.condition is not None:
        told = (TensorSpec(name="condition", dtype="int64", shape=("batch",), range=(0, config.condition.classes - 1)),)
    encoder = Graph(inputs=(image, *told), outputs=(TensorSpec(name="mu", **latents), TensorSpec(name="logvar", **latents)))
    decoder = Graph(inputs=(TensorSpec(name="z", **latents), *told), outputs=(image.model_copy(update={"name": "pixels"}),))
    return Signature(encoder=encoder, decoder=decoder)


def _why(error: ValidationError) -> str:
    for problem in error.errors():
        if problem["loc"] == ("format",) and isinstance(problem["input"], int) and problem["input"] > FORMAT:
            return f"this model has format {problem['input']}, but this program reads {FORMAT}: upgrade it"
    return f"the manifest is not valid: {explain(error)}"
