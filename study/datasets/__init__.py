"""Data sets by name.  One file a data set, each with one function

    load(data: Path, argument: str | None, **options) -> Dataset

where `data` is the folder in which downloads and caches live and `argument` is what follows a colon in the name
(`folder:PATH`).  See `study.datasets` for what they return.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.files import local_folder
from models.plugins import Plugins
from study.datasets._dataset import PARTS, ArrayImages, Dataset, Images, PackedImages, Part, dataset_record
from study.datasets._picture_files import save_pictures, skipped_note

__all__ = [
    "DATASETS",
    "PARTS",
    "ArrayImages",
    "Dataset",
    "Images",
    "PackedImages",
    "Part",
    "absolute_dataset",
    "check_options",
    "data_folder",
    "dataset_record",
    "load_dataset",
    "save_pictures",
    "skipped_note",
]

DATASETS = Plugins("study.datasets", kind="dataset")


def data_folder(data: str | Path | None = None) -> Path:
    """The data folder: the argument, or the environment's VAE_DATA, or `data/` here."""
    return local_folder(data or os.environ.get("VAE_DATA") or "data")


def absolute_dataset(name: str) -> str:
    """`folder:PATH` with an absolute path: a worker's own folder is not the one in which a command was given."""
    kind, colon, path = name.partition(":")
    return f"{kind}:{Path(path).expanduser().absolute()}" if colon and path else name


def load_dataset(name: str, data: str | Path | None = None, **options: Any) -> Dataset:
    """The data set `name` (for pictures of your own: `folder:PATH`), from the cache in `data` or prepared now.

    >>> load_dataset("dsprites").factor_sizes  # doctest: +SKIP
    (3, 6, 40, 32, 32)

    Raises `UserError` for an unknown name, a missing or damaged file (it says where to put which file), bad options.
    """
    kind, _, argument = name.partition(":")
    plugin = DATASETS.load(kind)
    check_options(name, options)
    dataset: Dataset = plugin.load(data_folder(data), argument or None, **options)
    return dataset


def check_options(name: str, options: Mapping[str, Any], who: str = "") -> None:
    """Raises `UserError` for options that the data set does not have.  who: `space folder`, where not the caller sets them."""
    kind = name.partition(":")[0]
    takes = [*signature(DATASETS.load(kind).load).parameters][2:]
    foreign = [f"{option}={value}" for option, value in options.items() if option not in takes]
    if foreign:
        what = f"takes {' and '.join(takes)} only" if takes else "takes no options"
        raise UserError(f"dataset {kind} {what}, but {f'{who} sets' if who else 'got'} {', '.join(foreign)}")
