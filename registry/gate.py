"""Publishing a torch model: what gets into the store has been measured on the very files that get into the store.

    export → open with onnxruntime → compare with torch → compute the metrics → compare with what was claimed
           → manifest and card → stage → open the staged files again → compare with torch again → publish

A metric that was computed in training and cannot be had from the exported files again is not a property of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec, TorchCodec
from models.vae import VAE
from registry.card import model_card
from registry.errors import GateError
from registry.export import cpu_copy, export_onnx
from registry.inference import Model
from registry.manifest import Lineage, Manifest, Parity, Preprocessing, signature_of
from registry.names import check_name
from registry.sandbox import remember
from registry.shelf import Shelf
from registry.version import Version, read_files

__all__ = ["ATOL", "TOLERANCE", "measure_parity", "publish_model"]

ATOL = 1e-5  # of any output from torch, float32; typical is 1e-7 to 1e-6
# Largest difference of a metric from its claim, absolute or relative, whichever is larger.  Codes differ by 1e-7 between
# torch and onnxruntime, which moves a few of them over the edge of a histogram bin or of a tree's split.
TOLERANCE = 5e-3


def publish_model(
    store: Shelf,
    name: str,
    model: VAE,
    *,
    lineage: Lineage,
    preprocessing: Preprocessing,
    evaluator: Callable[[Model], Mapping[str, float]],
    claimed: Mapping[str, float],
    sample_images: NDArray[np.uint8],
    sample_condition: NDArray[np.int64] | None = None,
    pictures: Mapping[str, bytes] | None = None,
    evaluator_version: str = "",
    description: str = "",
    tags: Mapping[str, str] | None = None,
    tolerance: float = TOLERANCE,
    same: Callable[[Version], bool] | None = None,
) -> Version:
    """Publish `model` as the next version of `name`; or the version that is the `same`, if somebody was faster (`Store.publish`).

    evaluator: computes metrics of the exported model.  claimed: what they should be; NaN for "not defined".
    sample_images: uint8 (N, C, H, W) on which torch and the exported files must agree.  pictures: PNG files for the card.

    Raises `GateError` when parity, signature or a metric does not hold; then nothing is published.
    """
    check_name(name)
    _check_input(model, preprocessing, sample_images)
    files = export_onnx(model)
    unmeasured = Manifest(
        signature=signature_of(model.config),
        preprocessing=preprocessing,
        model=model.config,
        lineage=lineage,
        evaluator=evaluator_version,
        description=description,
        tags=dict(tags or {}),
    ).with_files(files)
    exported = Model(unmeasured, files, name=name)
    torch_codec = TorchCodec(cpu_copy(model))
    parity = measure_parity(exported, torch_codec, sample_images, sample_condition)
    metrics = _recomputed(evaluator(exported), claimed, tolerance)

    manifest = unmeasured.model_copy(update={"parity": parity, "metrics": metrics})
    shown = {f"pictures/{file}": data for file, data in (pictures or {}).items()}
    card = model_card(name, manifest, shown)
    files = files | shown | {"card.md": card.encode()}

    def gate(staged: Path) -> None:
        measure_parity(Model(*read_files(staged), name=name), torch_codec, sample_images, sample_condition)

    published = store.publish(name, files, manifest, gate=gate, same=same)
    remember(files)  # they have run here: nobody else's
    return published


def measure_parity(
    exported: Codec, original: Codec, images: NDArray[np.uint8], condition: NDArray[np.int64] | None = None
) -> Parity:
    """How far `exported` is from `original`, over the whole batch and over its first image alone.

    Raises `GateError` when any output differs by more than `ATOL · max(1, |output|)`: what float32 can promise of small and
    of large codes.
    """
    encoder, decoder = [], []
    for count in {1, len(images)}:
        told = None if condition is None else condition[:count]
        expected = original.encode(images[:count], told)
        encoder += list(zip(exported.encode(images[:count], told), expected, strict=True))
        decoder += [(exported.decode(expected[0], told), original.decode(expected[0], told))]
    for part, pairs in (("encoder", encoder), ("decoder", decoder)):
        if not max(_largest(a, b, relative=True) for a, b in pairs) <= ATOL:
            largest = max(_largest(a, b) for a, b in pairs)
            raise GateError(f"{part}.onnx must agree with torch within {ATOL:g}, but it is off by {largest:.2g}")
    worst = [max(_largest(a, b) for a, b in pairs) for pairs in (encoder, decoder)]
    return Parity(inputs=len(images), encoder_max_error=worst[0], decoder_max_error=worst[1], atol=ATOL)


def _largest(a: NDArray[np.float32], b: NDArray[np.float32], relative: bool = False) -> float:
    """Largest |a − b|, in units of max(1, |b|) if `relative`; infinite where either is not a number."""
    difference = np.abs(a.astype(np.float64) - b)
    scaled = difference / np.maximum(1.0, np.abs(b)) if relative else difference
    return float(np.nan_to_num(scaled, nan=np.inf).max())


def _recomputed(found: Mapping[str, float], claimed: Mapping[str, float], tolerance: float) -> dict[str, float | None]:
    """The metrics as recomputed.  Raises `GateError` that names every metric that is not what was claimed."""
    wrong = []
    for key, claim in claimed.items():
        value = found.get(key)
        if value is None:
            wrong.append(f"{key} cannot be recomputed")
        elif not _agree(value, claim, tolerance):
            wrong.append(f"{key} is {value:.6g} instead of {claim:.6g}")
    if wrong:
        raise GateError(f"metrics of the exported files must be the claimed ones, but {', '.join(wrong)}")
    return {key: float(value) if math.isfinite(value) else None for key, value in found.items()}


def _agree(value: float, claim: float, tolerance: float) -> bool:
    if math.isnan(value) or math.isnan(claim):
        return math.isnan(value) and math.isnan(claim)  # both: not defined
    return math.isclose(value, claim, rel_tol=tolerance, abs_tol=tolerance)


def _check_input(model: VAE, preprocessing: Preprocessing, images: NDArray[np.uint8]) -> None:
    shape = model.config.image_shape
    if preprocessing.image_shape != shape:
        raise GateError(f"preprocessing must give the model's images {shape}, but it gives {preprocessing.image_shape}")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != shape or len(images) < 2:
        raise GateError(f"sample_images must be uint8 (at least 2, *{shape}), but got {images.dtype} {images.shape}")
