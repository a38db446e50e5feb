"""Handwritten digits that come with scikit-learn: real data on a machine without a network.

1,797 pictures of the test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998), 8×8
pixels with 17 grey levels, white ink on black as in MNIST.  They are enlarged to 32×32 (bilinear), which every architecture
here can do; `image_size=28` makes them interchangeable with MNIST.  There is no published split: 10 % are for validation and
10 % for testing, chosen at random with a fixed seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import UserError
from study.datasets._cached import refuse_argument
from study.datasets._dataset import ArrayImages, Dataset, content_digest, random_parts

__all__ = ["load"]


def load(data: Path, argument: str | None, image_size: int = 32) -> Dataset:
    """The digits as uint8 (1, image_size, image_size), label = digit.  Needs no files; raises `UserError` for a bad size."""
    from sklearn.datasets import load_digits  # half a second: only when the digits are asked for

    refuse_argument("digits", argument)
    if not 8 <= image_size <= 1024:
        raise UserError(f"dataset digits: 8 <= image_size <= 1024 must hold, but got image_size={image_size}")
    small, digits = load_digits(return_X_y=True)
    images = ArrayImages(np.stack([_enlarged(picture, image_size) for picture in small.reshape(-1, 8, 8)])[:, None])
    labels = digits.astype(np.int64)
    return Dataset(
        name="digits",
        source="scikit-learn",
        digest=content_digest(images, labels=labels),
        images=images,
        parts=random_parts(len(images)),
        labels=labels,
        label_names=tuple("0123456789"),
    )


def _enlarged(picture: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    levels = np.round(picture * (255 / 16)).astype(np.uint8)
    return np.asarray(Image.fromarray(levels).resize((size, size), Image.Resampling.BILINEAR))
