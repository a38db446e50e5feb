"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of ten classes, 32×32, three channels.

The published archive `cifar-10-python.tar.gz` is taken from the data folder, packed or unpacked, or downloaded; torchvision
checks and reads it.  The test part is the published one; 10 % of the training pictures, chosen at random with a fixed seed,
are for validation.  Pictures of it in another form (folders of JPEG) open as `folder:PATH` with `image_size=32`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError
from study.datasets._cache import save_chunks
from study.datasets._cached import Description, cached_dataset, refuse_argument
from study.datasets._dataset import Dataset, cut_validation
from study.datasets._download import DownloadError, download, file_md5

__all__ = ["load"]


def load(data: Path, argument: str | None) -> Dataset:
    """CIFAR-10 as uint8 (3, 32, 32).

    Raises `UserError` when it is missing and cannot be downloaded (it says where to put it) or is damaged.
    """
    refuse_argument("cifar10", argument)
    return cached_dataset("cifar10", data / "cache" / "cifar10", {"format": 1}, partial(_build, data))


def _build(data: Path, place: Path) -> Description:
    train, test = _part(data, train=True), _part(data, train=False)
    save_chunks(place / "images.npy", (3, 32, 32), (part.data.transpose(0, 3, 1, 2) for part in (train, test)))
    return Description(
        source="official",
        part=cut_validation(np.repeat([False, True], [len(train), len(test)])),
        labels=np.array(train.targets + test.targets, dtype=np.int64),
        label_names=tuple(train.classes),
    )


def _part(data: Path, train: bool) -> Any:
    """torchvision's data set: `.data` uint8 (N, 32, 32, 3), `.targets`, `.classes`."""
    from torchvision.datasets import CIFAR10  # seconds: only when the cache is made

    try:
        return CIFAR10(data, train=train)
    except RuntimeError:  # not unpacked yet, or damaged
        _bring(data / CIFAR10.filename, CIFAR10.url, CIFAR10.tgz_md5)
        return CIFAR10(data, train=train, download=True)  # finds the archive and unpacks it


def _bring(archive: Path, url: str, md5: str) -> None:
    if not archive.exists():
        try:
            download(url, archive, md5)
        except DownloadError as error:
            raise UserError(
                f"CIFAR-10 is missing or damaged and could not be downloaded ({error}): put {archive.name} into {archive.parent}"
            ) from None
    elif (found := file_md5(archive)) != md5:
        raise UserError(f"{archive} is not the published file: MD5 {md5} must hold, but got {found}; remove it")
