"""Data sets of grey or colour pictures: prepared once as bytes (N, C, H, W), then mapped into memory.

A plug-in says how to prepare the pictures (`build` writes `images.npy` and returns a `Description`); this module keeps the
cache and opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.preprocessing import Preprocessing
from study.datasets._cache import open_array, prepared
from study.datasets._dataset import PARTS, ArrayImages, Dataset, content_digest

__all__ = ["Description", "cached_dataset", "refuse_argument"]


@dataclass(frozen=True)
class Description:
    """What there is to know about the N pictures besides their pixels; the fields are those of `Dataset`.

    part      int8 (N,): an index into `PARTS` for every picture
    factors   int64 (N, F); all factors here are binary (attributes) or absent
    """

    source: str
    part: NDArray[np.int8]
    labels: NDArray[np.int64] | None = None
    label_names: tuple[str, ...] = ()
    factors: NDArray[np.int64] | None = None
    factor_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def cached_dataset(
    name: str,
    folder: Path,
    key: dict[str, Any],
    build: Callable[[Path], Description],
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """The data set in the cache `folder`, which `build` makes when it is absent or was made with another `key`.

    build  writes `images.npy`, uint8 (N, C, H, W), into the folder it is given; raises `UserError` for bad files
    """
    facts = prepared(folder, key, lambda place: _fill(place, build(place)))
    part = np.load(folder / "part.npy")
    factors = _optional(folder / "factors.npy")
    return Dataset(
        name=name,
        source=facts["source"],
        digest=facts["digest"],
        images=ArrayImages(open_array(folder / "images.npy")),
        parts={name: np.flatnonzero(part == number) for number, name in enumerate(PARTS)},
        factors=factors,
        factor_names=tuple(facts["factor_names"]),
        factor_sizes=(2,) * len(facts["factor_names"]),
        labels=_optional(folder / "labels.npy"),
        label_names=tuple(facts["label_names"]),
        preprocessing=preprocessing,
        notes=tuple(facts["notes"]),
    )


def _fill(place: Path, found: Description) -> dict[str, Any]:
    images = ArrayImages(open_array(place / "images.npy"))
    columns = {"part": found.part, "labels": found.labels, "factors": found.factors}
    for name, column in columns.items():
        if column is not None:
            assert len(column) == len(images), f"{len(column)} {name} for {len(images)} images"
            np.save(place / f"{name}.npy", column)
    return {
        "source": found.source,
        "digest": content_digest(images, found.factors, found.labels),
        "label_names": found.label_names,
        "factor_names": found.factor_names,
        "notes": found.notes,
    }


def _optional(path: Path) -> NDArray[np.int64] | None:
    return open_array(path) if path.exists() else None


def refuse_argument(name: str, argument: str | None) -> None:
    """Raises `UserError` where a data set without variants was asked for as `name:argument`."""
    if argument is not None:
        raise UserError(f"dataset {name} takes no argument, but got {name}:{argument}")
