"""What every publication needs, of a study's trial or of a recipe: pictures for the card, preprocessing, aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.config import VAEConfig
from models.preprocessing import Preprocessing
from registry.shelf import Shelf
from registry.version import Version
from study.datasets import Dataset
from study.figures import models as figures
from study.metrics import direction
from study.records.pareto import pareto_front

if TYPE_CHECKING:
    from models.codec import Codec

__all__ = ["PARITY_IMAGES", "move_aliases", "preprocessing_of", "sheets", "told"]

PARITY_IMAGES = 64


def sheets(codec: Codec, config: VAEConfig, dataset: Dataset, kl: Sequence[float], title: str) -> dict[str, bytes]:
    """The two pictures of a model's card: reconstructions and a traversal of validation images."""
    rows = dataset.sample("validation", 12, seed=0)
    labels = told(config, dataset, rows)
    images = dataset.images[rows]
    one = None if labels is None else labels[:1]
    return {
        "reconstructions.png": figures.png(figures.reconstructions(codec, images, title, labels)),
        "traversal.png": figures.png(figures.traversal(codec, images[0], kl, title, one)),
    }


def preprocessing_of(dataset: Dataset) -> Preprocessing:
    """How a picture file becomes this data set's kind of image."""
    if dataset.preprocessing is not None:
        return dataset.preprocessing
    channels, height, width = dataset.image_shape
    return Preprocessing(size=(height, width), mode="L" if channels == 1 else "RGB")


def told(config: VAEConfig, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The labels of these rows for a conditional model; None for any other."""
    if config.condition is None or dataset.labels is None:
        return None
    return np.asarray(dataset.labels[rows])


def move_aliases(store: Shelf, name: str, best: Version, metrics: Sequence[str]) -> None:
    """`candidate` to this version, and `champion` if there is none or it dominates a comparable one."""
    aliases = store.aliases(name)
    store.set_alias(name, best.number, "candidate")
    if "champion" not in aliases:
        store.set_alias(name, best.number, "champion")
        return
    champion = store.resolve(f"{name}@champion")
    if _comparable(best, champion) and _dominates(best, champion, metrics):
        store.set_alias(name, best.number, "champion", expect=champion.number)


def _comparable(a: Version, b: Version) -> bool:
    """Same pictures, same budget class, same number of seeds: anything else compares luck or money."""
    keys = [(m.lineage.dataset.digest, m.lineage.budget.name, m.lineage.seeds) for m in (a.manifest, b.manifest)]
    return keys[0] == keys[1]


def _dominates(a: Version, b: Version, metrics: Sequence[str]) -> bool:
    values: list[list[Any]] = [[version.manifest.metrics.get(metric) for metric in metrics] for version in (a, b)]
    if any(value is None for row in values for value in row):
        return False
    directions = [direction(metric) for metric in metrics]
    return pareto_front(np.array(values, dtype=float), directions) == [0]
