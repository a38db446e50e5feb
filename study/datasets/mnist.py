"""MNIST (LeCun, Cortes, Burges 1998): 70,000 handwritten digits, 28×28 grey.

Its four files are taken from `data/MNIST/raw` (torchvision's place), gzipped or not, or downloaded through torchvision's
list of mirrors.  The test part is the published one; 10 % of the training pictures, chosen at random with a fixed seed, are
for validation.
"""

from __future__ import annotations

import gzip
import zlib
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.files import write_atomically
from study.datasets._cache import save_chunks
from study.datasets._cached import Description, cached_dataset, refuse_argument
from study.datasets._dataset import Dataset, cut_validation
from study.datasets._download import DownloadError, download, file_md5

__all__ = ["load"]

# MD5 of the published files after unpacking (torchvision names those of the archives, which depend on who packed them).
PUBLISHED = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load(data: Path, argument: str | None) -> Dataset:
    """MNIST as uint8 (1, 28, 28), label = digit.

    `source` is "official" when the files are the published ones, else "files" (with a note).

    Raises `UserError` when files are missing and cannot be downloaded (it says where to put them) or are damaged.
    """
    refuse_argument("mnist", argument)
    return cached_dataset("mnist", data / "cache" / "mnist", {"format": 1}, partial(_build, data))


def _build(data: Path, place: Path) -> Description:
    raw = data / "MNIST" / "raw"
    for name in PUBLISHED:
        _bring(data, raw, name)
    strange = [name for name, md5 in PUBLISHED.items() if file_md5(raw / name) != md5]
    parts = [_read(raw, "train"), _read(raw, "t10k")]
    save_chunks(place / "images.npy", (1, 28, 28), (images[:, None] for images, _ in parts))
    is_test = np.repeat([False, True], [len(labels) for _, labels in parts])
    return Description(
        source="files" if strange else "official",
        part=cut_validation(is_test),
        labels=np.concatenate([labels for _, labels in parts]),
        label_names=tuple("0123456789"),
        notes=(f"not the published MNIST files (MD5 differs): {', '.join(strange)}",) if strange else (),
    )


def _bring(data: Path, raw: Path, name: str) -> None:
    """Make sure that `raw/name` is there: as it is, unpacked, or downloaded and unpacked."""
    if (raw / name).exists():
        return
    packed = next((folder / f"{name}.gz" for folder in (raw, data) if (folder / f"{name}.gz").exists()), None)
    packed = packed or _download(raw, name)
    try:
        write_atomically(raw / name, gzip.decompress(packed.read_bytes()))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{packed} is damaged ({error}): remove it or put the published file there") from None


def _download(raw: Path, name: str) -> Path:
    from torchvision.datasets import MNIST  # seconds: only when something is missing

    md5 = dict(MNIST.resources)[f"{name}.gz"]
    for mirror in MNIST.mirrors:
        try:
            return download(f"{mirror}{name}.gz", raw / f"{name}.gz", md5)
        except DownloadError as error:
            reason = error
    wanted = ", ".join(f"{name}.gz" for name in PUBLISHED)
    raise UserError(f"MNIST is missing and could not be downloaded ({reason}): put {wanted} into {raw}")


def _read(raw: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from torchvision.datasets.mnist import read_image_file, read_label_file

    files = raw / f"{part}-images-idx3-ubyte", raw / f"{part}-labels-idx1-ubyte"
    try:
        images, labels = read_image_file(str(files[0])).numpy(), read_label_file(str(files[1])).numpy()
    except (AssertionError, KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{files[0]} or {files[1].name} is damaged ({error}): remove both") from None
    if images.shape[1:] != (28, 28) or len(images) != len(labels) or labels.max(initial=0) > 9:
        raise UserError(f"{files[0]} must hold 28×28 pictures, one digit each, but got {images.shape} and {labels.shape}")
    return images, labels
