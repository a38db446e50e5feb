"""What every publication needs, of a study's trial or of a recipe: pictures for the card, preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.config import VAEConfig
from models.preprocessing import Preprocessing
from study.datasets import Dataset
from study.figures import models as figures

if TYPE_CHECKING:
    from models.codec import Codec

__all__ = ["PARITY_IMAGES", "preprocessing_of", "sheets", "told"]

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
