"""What a data set is: images as integers, ground-truth factors or labels where there are any, and where it came from.

Images live once per machine, in a file that every process maps into memory (`numpy.memmap`): the operating system keeps
one copy for all workers, and opening it takes milliseconds.  Binary images are packed to bits on disk (dSprites: 377 MB
instead of 3 GB).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.preprocessing import Preprocessing
from study.datasets._factor_grid import FactorGrid

__all__ = [
    "PARTS",
    "ArrayImages",
    "Dataset",
    "Images",
    "PackedImages",
    "Part",
    "content_digest",
    "cut_validation",
    "random_parts",
]

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


class Images(Protocol):
    """Indexable by an integer array of n rows: uint8 (n, C, H, W), grey levels 0..255."""

    @property
    def image_shape(self) -> tuple[int, int, int]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]: ...

    def stored(self) -> Iterator[NDArray[np.uint8]]:
        """All images in order, as they are stored, some at a time: what the digest is computed from."""
        ...


@dataclass(frozen=True)
class ArrayImages:
    """Images stored as bytes: an array (N, C, H, W), usually memory-mapped."""

    array: NDArray[np.uint8]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.array.shape[1:]
        return channels, height, width

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        return np.asarray(self.array[np.asarray(rows)])

    def stored(self) -> Iterator[NDArray[np.uint8]]:
        """The bytes."""
        return _pieces(self.array)


@dataclass(frozen=True)
class PackedImages:
    """Binary images packed to bits: an array (N, ⌈C·H·W/8⌉), usually memory-mapped.  A set bit is grey level 255."""

    bits: NDArray[np.uint8]
    image_shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        pixels = math.prod(self.image_shape)
        flat = np.unpackbits(self.bits[np.asarray(rows)], axis=1, count=pixels)
        return (flat * np.uint8(255)).reshape(-1, *self.image_shape)

    def stored(self) -> Iterator[NDArray[np.uint8]]:
        """The bits."""
        return _pieces(self.bits)


@dataclass(frozen=True)
class Dataset:
    """One data set.

    source    where the pictures came from: "official", "drawn", "torchvision", "folder", …; recorded in every result
    digest    sha256 of the content: two data sets with the same digest hold the same pictures and factors
    factors   int64 (N, F), the ground truth of every image, or None; `factor_sizes[f]` is the number of values
    labels    int64 (N,), a class for every image, or None
    parts     row numbers of "train", "validation" and "test": disjoint, ascending
    preprocessing   how the pictures were made from files, for one more file to go the same way; None where there were none
    grid      where every combination of factors is there exactly once, in order: rows by factors, samples, sweeps
    """

    name: str
    source: str
    digest: str
    images: Images
    parts: dict[Part, NDArray[np.int64]]
    factors: NDArray[np.int64] | None = None
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    labels: NDArray[np.int64] | None = None
    label_names: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    grid: FactorGrid | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What a person should be told once, one line each: "drawn from its geometry", "3 unreadable files skipped"."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.images.image_shape

    def sample(self, part: Part, count: int, seed: int = 0) -> NDArray[np.int64]:
        """Row numbers of `count` distinct images of a part (all of them, if there are fewer), in ascending order."""
        rows = self.parts[part]
        if count >= len(rows):
            return rows
        return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))

    def with_labels(self, labels: NDArray[np.int64], names: tuple[str, ...]) -> Dataset:
        """This data set, which has no labels, with labels (N,)."""
        assert self.labels is None and len(labels) == len(self), (len(labels), len(self))
        return replace(self, labels=labels, label_names=names, digest=_labelled_digest(self.digest, labels))

    def verify(self) -> None:
        """Read everything and compare it with the digest.  Raises `UserError` when the content has changed on disk."""
        found = content_digest(self.images, self.factors, self.labels)
        if found != self.digest:
            raise UserError(f"data set {self.name} has changed on disk: digest {self.digest} must hold, but got {found}")


def content_digest(images: Images, factors: NDArray[np.int64] | None = None, labels: NDArray[np.int64] | None = None) -> str:
    """sha256 of pictures (as stored, in order) and factors, then of that and the labels: names and dates do not matter."""
    header = {"images": [len(images), *images.image_shape], "factors": None if factors is None else factors.shape}
    digest = hashlib.sha256(json.dumps(header).encode())
    for piece in images.stored():
        digest.update(piece.data)
    if factors is not None:
        digest.update(np.ascontiguousarray(factors, dtype="<i8").data)
    return digest.hexdigest() if labels is None else _labelled_digest(digest.hexdigest(), labels)


def _labelled_digest(unlabelled: str, labels: NDArray[np.int64]) -> str:
    return hashlib.sha256(unlabelled.encode() + np.ascontiguousarray(labels, dtype="<i8").tobytes()).hexdigest()


def _pieces(array: NDArray[np.uint8], rows: int = 8192) -> Iterator[NDArray[np.uint8]]:
    return (np.ascontiguousarray(array[start : start + rows]) for start in range(0, len(array), rows))


def random_parts(count: int, fractions: tuple[float, float] = (0.1, 0.1), seed: int = 0) -> dict[Part, NDArray[np.int64]]:
    """Split `count` images at random; `fractions` are those of validation and test.  Every part gets at least one image.

    Raises `UserError` for fewer than three images.
    """
    if count < 3:
        raise UserError(f"a data set needs at least 3 images (train, validation, test), but got {count}")
    order = np.random.default_rng(seed).permutation(count)
    validation, test = (max(1, round(count * fraction)) for fraction in fractions)
    cuts = np.split(order, [validation, validation + test])
    return {"validation": np.sort(cuts[0]), "test": np.sort(cuts[1]), "train": np.sort(cuts[2])}


def cut_validation(is_test: NDArray[np.bool_], fraction: float = 0.1, seed: int = 0) -> NDArray[np.int8]:
    """The part of every image, as an index into `PARTS`, where the test images are given: `fraction` of the others, chosen
    at random, is for validation.  Raises `UserError` where a part would be empty.

    >>> cut_validation(np.array([False] * 8 + [True] * 2), fraction=0.25).tolist()
    [0, 0, 0, 0, 0, 1, 0, 1, 2, 2]
    """
    others = np.flatnonzero(~is_test)
    if len(others) < 2 or len(others) == len(is_test):
        raise UserError(f"2 training images and 1 test image are needed, but got {len(others)} and {is_test.sum()}")
    chosen = np.random.default_rng(seed).choice(others, max(1, round(len(others) * fraction)), replace=False)
    part = np.where(is_test, 2, 0).astype(np.int8)
    part[chosen] = 1
    return part


def dataset_record(dataset: Dataset) -> dict[str, Any]:
    """What a study records of its data."""
    sizes = {part: len(rows) for part, rows in dataset.parts.items()}
    return {"name": dataset.name, "source": dataset.source, "digest": dataset.digest, "parts": sizes}
