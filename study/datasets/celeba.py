"""CelebA (Liu, Luo, Wang, Tang 2015): 202,599 faces of celebrities with 40 binary attributes.

The data folder holds it as its authors publish it (`data/celeba/`, also torchvision's place):

    img_align_celeba/000001.jpg …       aligned and cropped, 178×218 (or img_align_celeba.zip, which is unpacked)
    list_attr_celeba.txt                40 attributes, −1 or 1
    list_eval_partition.txt             0 train, 1 validation, 2 test

Where there is a network, torchvision is asked to download it.  As is customary (Larsen et al. 2016, and most VAE code
since), the middle 148×148 pixels are cut out and resized to 64×64.  The attributes are `factors` (0 or 1); one of them is
`labels`: `celeba` takes Smiling, `celeba:Eyeglasses` any other.
"""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from models.errors import UserError, unknown
from models.preprocessing import Preprocessing
from study.datasets._cached import Description, cached_dataset
from study.datasets._dataset import Dataset
from study.datasets._download import DownloadError, check_reachable
from study.datasets._picture_files import save_pictures, skipped_note

__all__ = ["load"]

PICTURES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
SOURCE = "https://drive.google.com"  # where torchvision finds it


def load(data: Path, argument: str | None, image_size: int = 64) -> Dataset:
    """CelebA as uint8 (3, image_size, image_size); `argument` names the attribute that becomes the label.

    The prepared pictures are kept in the data folder (2.5 GB at 64×64).

    Raises `UserError` when it is missing and cannot be downloaded (it says where to put what), is damaged, or has no such
    attribute.
    """
    if not 1 <= image_size <= 148:
        raise UserError(f"dataset celeba: 1 <= image_size <= 148 must hold, but got image_size={image_size}")
    folder = data / "celeba"
    _bring(folder)
    attribute = argument or "Smiling"
    preprocessing = Preprocessing(size=(image_size, image_size), crop_size=(148, 148))
    stats = {name: (folder / name).stat() for name in (ATTRIBUTES, PARTITION, PICTURES)}
    key = {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}
    place = data / "cache" / f"celeba-{image_size}"
    dataset = cached_dataset("celeba", place, key, partial(_build, folder, preprocessing), preprocessing)

    names = dataset.factor_names
    if attribute not in names:
        raise unknown("attribute", attribute, names, "celeba has")
    assert dataset.factors is not None
    labels = np.ascontiguousarray(dataset.factors[:, names.index(attribute)])
    return dataset.with_labels(labels, (f"not {attribute}", attribute))


def _build(folder: Path, preprocessing: Preprocessing, place: Path) -> Description:
    table = _table(folder)
    files = [folder / PICTURES / name for name in table.index]
    reasons = save_pictures(place / "images.npy", files, preprocessing, "reading CelebA")
    table = table[[not why for why in reasons]]
    return Description(
        source="official",
        part=table.pop("part").to_numpy(np.int8),
        factors=table.to_numpy(np.int64),
        factor_names=tuple(table.columns),
        notes=skipped_note(files, reasons, folder),
    )


def _table(folder: Path) -> pd.DataFrame:
    """One row a picture, indexed by file name: the attributes as 0 and 1, and `part` 0, 1, 2."""
    try:
        table = pd.read_csv(folder / ATTRIBUTES, sep=r"\s+", skiprows=1)
        part = pd.read_csv(folder / PARTITION, sep=r"\s+", header=None, index_col=0)[1]
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise UserError(f"{folder / ATTRIBUTES} or {PARTITION} is damaged ({error}): put the published files there") from None
    if table.empty or not table.isin([-1, 1]).all(axis=None):
        raise UserError(f"{folder / ATTRIBUTES} must hold -1 or 1 for every attribute of every picture")
    table = (table + 1) // 2
    table["part"] = part.reindex(table.index)
    if not table["part"].isin([0, 1, 2]).all():
        raise UserError(f"{folder / PARTITION} must hold 0, 1 or 2 for every picture of {ATTRIBUTES}")
    return table


def _bring(folder: Path) -> None:
    """Make sure that the three parts are there: as they are, unpacked, or downloaded."""
    archive = folder / f"{PICTURES}.zip"
    if not (folder / PICTURES).is_dir() and archive.exists():
        _unpack(archive, folder)
    missing = [name for name in (PICTURES, ATTRIBUTES, PARTITION) if not (folder / name).exists()]
    if missing:
        _download(folder, missing)


def _unpack(archive: Path, folder: Path) -> None:
    """Into a folder of another name first, so that half a set never looks like a whole one."""
    partial_folder = folder / f".{PICTURES}.partial"
    try:
        with zipfile.ZipFile(archive) as pictures:
            pictures.extractall(partial_folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive} is damaged ({error}): put the published file there") from None
    (partial_folder / PICTURES).rename(folder / PICTURES)
    partial_folder.rmdir()


def _download(folder: Path, missing: list[str]) -> None:
    from torchvision.datasets import CelebA  # seconds: only when something is missing

    try:
        check_reachable(SOURCE)
        CelebA(folder.parent, split="all", download=True)
    except (DownloadError, RuntimeError, ImportError, OSError) as error:
        raise UserError(
            f"CelebA is missing and could not be downloaded ({error}): put {', '.join(missing)} into {folder}"
        ) from None
