"""A VAE that was made elsewhere, in whatever framework, as a version of the registry: `registry import --encoder … --decoder …`.

There is no torch model to compare with, so the manifest has no parity record, and the architecture is called `onnx`.  All else
is as for other models: the files are checked before a parser sees them, run in the sandbox first, and must answer alike for a
picture alone and in a batch, with pixels of 0 to 1.  What its maker says of it is kept as said: metrics as `claimed_…`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from models.config import VAEConfig
from models.errors import explain
from models.preprocessing import Preprocessing
from registry.card import model_card
from registry.errors import GateError, RegistryError
from registry.inference import Model
from registry.manifest import CLAIMED, FOREIGN, Budget, DatasetRecord, Lineage, Manifest, signature_of
from registry.names import check_name
from registry.sandbox import NETWORKS, try_once
from registry.store import Store
from registry.version import Version

if TYPE_CHECKING:
    from registry.onnx_face import Network, Pixels

__all__ = ["Said", "bring_in_pair", "check_onnx_package"]

ATOL = 1e-4  # of answers for the same picture alone and in a batch, times max(1, |answer|)
SLACK = 1e-6  # of pixels beyond 0 and 1: rounding
ROWS = 8  # pictures of noise that are tried


@dataclass(frozen=True, kw_only=True)
class Said:
    """What only its maker knows of a model.

    low, high    what the encoder expects for black and for white
    pixels       what the decoder answers: `range` (the encoder's), `logits`, or `clip`: that range, and a little beyond
    latent_dim, image_shape (C, H, W)    where the files leave them open; else they must say the same
    dataset      name of what it was trained on
    claimed      its metrics, by name
    """

    low: float
    high: float
    pixels: Pixels = "range"
    latent_dim: int | None = None
    image_shape: tuple[int, int, int] | None = None
    dataset: str = "unknown"
    claimed: Mapping[str, float] = field(default_factory=dict)
    description: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise RegistryError(f"low < high must hold for the range of pixels, but got {self.low:g} and {self.high:g}")
        for key, value in self.claimed.items():
            if not math.isfinite(value):
                raise RegistryError(f"a claimed metric must be a finite number, but got {key}={value:g}")


def bring_in_pair(store: Store, name: str, encoder: bytes, decoder: bytes, said: Said) -> Version:
    """Publish the two networks as the next version of `name`; or the version that they are already, said the same.

    Raises `RegistryError`, and then nothing is published.
    """
    check_name(name)
    check_onnx_package()
    from registry.onnx_face import Network, with_decoder_face, with_encoder_face

    theirs = Network("encoder", encoder), Network("decoder", decoder)
    latent_dim = _agreed("latent_dim", [theirs[0].shapes[1], theirs[0].shapes[2], theirs[1].shapes[0]], 2, (said.latent_dim,))[0]
    shape = _agreed("image_shape", [theirs[0].shapes[0], theirs[1].shapes[1]], 4, said.image_shape or (None, None, None))
    manifest = _manifest(theirs, (shape[0], shape[1], shape[2]), latent_dim, said)
    networks = (
        with_encoder_face(theirs[0], shape, latent_dim, said.low, said.high),
        with_decoder_face(theirs[1], shape, latent_dim, said.low, said.high, said.pixels),
    )
    files = dict(zip(NETWORKS, networks, strict=True))
    try_once(files, manifest.signature)
    _check_answers(Model(manifest, files, name="the imported model"), said.pixels)
    manifest = manifest.with_files(files)
    files |= {"card.md": model_card(name, manifest).encode()}

    def same(earlier: Version) -> bool:
        before = earlier.manifest
        networks = all(network in before.files and before.files[network] == manifest.files[network] for network in NETWORKS)
        return networks and (before.metrics, before.lineage) == (manifest.metrics, manifest.lineage)

    return store.publish_exactly(name, files, manifest.with_files(files).to_bytes(), same=same, claimed=True)


def check_onnx_package() -> None:
    """Raises `RegistryError` where it is missing: the bare install has none."""
    if find_spec("onnx") is None:
        raise RegistryError("networks from elsewhere need the onnx package: pip install 'vae-study[study]'")


def _agreed(what: str, stated: list[tuple[int | None, ...]], dimensions: int, said: tuple[int | None, ...]) -> tuple[int, ...]:
    """The sizes after the batch on which the files and what was said agree.  Raises `RegistryError`."""
    for shape in stated:
        if len(shape) != dimensions:
            raise RegistryError(f"{what} is {dimensions - 1} sizes after the batch, but a file has the shape {_shown(shape)}")
    columns = zip(said, *(shape[1:] for shape in stated), strict=True)
    known = [{size for size in column if size is not None} for column in columns]
    if any(len(sizes) > 1 for sizes in known):
        told = f"{_shown(said)} was said and " if any(said) else ""
        raise RegistryError(f"{what} must be one, but {told}the files have {' and '.join(_shown(shape[1:]) for shape in stated)}")
    if not all(known):
        raise RegistryError(f"the files leave {what} open, so it must be said (--{what.replace('_', '-')})")
    return tuple(size for sizes in known for size in sizes)


def _manifest(theirs: tuple[Network, Network], shape: tuple[int, int, int], latent_dim: int, said: Said) -> Manifest:
    if shape[0] not in (1, 3):
        raise RegistryError(f"pictures have 1 or 3 channels, but the encoder takes {shape[0]}")
    try:
        config = VAEConfig(image_shape=shape, architecture=FOREIGN, latent_dim=latent_dim)
    except ValidationError as error:
        raise RegistryError(f"the networks do not fit: {explain(error)}") from None
    return Manifest(
        signature=signature_of(config),
        preprocessing=Preprocessing(size=shape[1:], mode="L" if shape[0] == 1 else "RGB"),
        model=config,
        lineage=Lineage(
            dataset=DatasetRecord(name=said.dataset, source="elsewhere", digest=""), budget=Budget(name="unknown", steps=0)
        ),
        metrics={f"{CLAIMED}{key}": value for key, value in said.claimed.items()},
        description=said.description,
        tags={f"their_{network.part}": network.digest for network in theirs}
        | {"their_range": f"{said.low:g} to {said.high:g}", "their_pixels": said.pixels},
    )


def _check_answers(model: Model, pixels: Pixels) -> None:
    """Raises `GateError`: a network that draws at random, that mixes the pictures of a batch, or whose pixels are none."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (ROWS, *model.signature.image_shape), dtype=np.uint8)
    latents = rng.standard_normal((ROWS, model.signature.latent_dim), dtype=np.float32)
    answers = model.decode(latents)
    for part, whole, alone in (
        ("encoder", np.stack(model.encode(images)), np.stack([model.encode(image) for image in images], axis=1)),
        ("decoder", answers, np.stack([model.decode(z) for z in latents])),
    ):
        if _largest(whole, alone) > ATOL:
            raise GateError(
                f"the {part} must answer alike for a row alone and in a batch, but it is off by {_largest(whole, alone):.2g}: "
                "nothing may be drawn inside, and batch normalisation must be in evaluation mode"
            )
    if answers.min() < -SLACK or answers.max() > 1 + SLACK:
        got = f"{answers.min():.3g} to {answers.max():.3g}"
        raise GateError(f"pixels must be 0 to 1 once the range is undone, but they are {got}: are they logits (--pixels logits)?")


def _largest(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float((np.abs(a - b) / np.maximum(1, np.abs(b))).max())


def _shown(sizes: tuple[int | None, ...]) -> str:
    return "×".join("?" if size is None else str(size) for size in sizes)
