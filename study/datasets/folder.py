"""A person's own pictures: `folder:PATH`.

    PATH/*.jpg                          flat: no labels
    PATH/CLASS/**/*.jpg                 one sub-folder a class: its name is the label
    PATH/train/…, PATH/test/…           parts as their owner made them (`validation` too, if it is there), each flat or
                                        with one sub-folder a class

Every file that Pillow can open counts, of any size, grey or colour; it is cropped to the middle and resized as
`models.preprocessing.Preprocessing` says.  Other files are skipped and named in `notes`, texts beside class folders
(`TEXTS`) among them.  Hidden files are ignored.  Where the owner made no parts, 10 % of the pictures chosen at random
are for validation and 10 % for testing.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydantic import ValidationError

from models.errors import UserError, explain
from models.picture_files import walk
from models.preprocessing import Preprocessing
from study.datasets._cached import Description, cached_dataset
from study.datasets._dataset import PARTS, Dataset, cut_validation, random_parts
from study.datasets._picture_files import save_pictures, skipped_note

__all__ = ["load"]


TEXTS = (".txt", ".md", ".csv", ".json", ".yaml", ".yml", ".toml", ".html", ".pdf")
"""Endings of what stands beside class folders and is no picture: a README, a list of labels."""


class Picture(NamedTuple):
    """One candidate file; part and label as its place says, or empty."""

    path: Path
    part: str
    label: str


def load(data: Path, argument: str | None, image_size: int = 64, mode: str = "RGB", crop: str = "centre") -> Dataset:
    """The pictures below `argument`, as uint8 (C, image_size, image_size); mode: "L" one grey channel, "RGB" three.

    The prepared pictures are kept in the data folder and made again when a file or an option changes.

    Raises `UserError` for a path that is no folder, loose pictures beside class folders, no readable picture, bad options.
    """
    if argument is None:
        raise UserError("dataset folder needs the pictures' folder: write folder:PATH")
    root = Path(argument).expanduser().absolute()
    try:
        preprocessing = Preprocessing.model_validate({"size": (image_size, image_size), "mode": mode, "crop": crop})
    except ValidationError as error:
        raise UserError(f"dataset folder: {explain(error)}") from None

    pictures, texts = _find(root)
    options = {"path": str(root), **preprocessing.model_dump(mode="json")}
    place = data / "cache" / f"folder-{_digest(options)[:16]}"
    build = partial(_build, root, pictures, texts, preprocessing)
    return cached_dataset(
        f"folder:{root}",
        place,
        {**options, "files": _files_digest([*(picture.path for picture in pictures), *texts])},
        build,
        preprocessing,
    )


def _build(root: Path, pictures: list[Picture], texts: list[Path], preprocessing: Preprocessing, place: Path) -> Description:
    files = [picture.path for picture in pictures]
    reasons = save_pictures(place / "images.npy", files, preprocessing, "reading pictures")
    found = [picture for picture, why in zip(pictures, reasons, strict=True) if not why]
    names = sorted({picture.label for picture in found})
    labelled = names != [""]
    return Description(
        source="folder",
        part=_parts(found),
        labels=np.array([names.index(picture.label) for picture in found], dtype=np.int64) if labelled else None,
        label_names=tuple(names) if labelled else (),
        notes=(*skipped_note(files, reasons, root), *_texts_note(texts, root)),
    )


def _parts(found: list[Picture]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    given = np.array([picture.part for picture in found])
    if (given == "").all():
        part = np.zeros(len(found), np.int8)
        for name, rows in random_parts(len(found)).items():
            part[rows] = PARTS.index(name)
        return part
    if (given == "validation").any():
        return np.array([PARTS.index(name) for name in given], dtype=np.int8)
    return cut_validation(given == "test")


def _texts_note(texts: list[Path], root: Path) -> tuple[str, ...]:
    names = [str(path.relative_to(root)) for path in texts]
    return (f"beside class folders, no pictures: {', '.join(names)}",) if names else ()


def _find(root: Path) -> tuple[list[Picture], list[Path]]:
    """All candidates below `root`, in the order of their paths, and the texts beside class folders."""
    if not root.is_dir():
        raise UserError(f"{root} is not a folder: folder:PATH needs a folder of pictures")
    loose, folders = _entries(root)
    names = {folder.name for folder in folders}
    if {"train", "test"} <= names <= {"train", "test", "validation"}:
        found = [_classes(folder, folder.name) for folder in folders]
        return [picture for pictures, _ in found for picture in pictures], [
            *loose,
            *(text for _, texts in found for text in texts),
        ]
    return _classes(root, "")


def _classes(root: Path, part: str) -> tuple[list[Picture], list[Path]]:
    loose, folders = _entries(root)
    texts = [path for path in loose if folders and _is_text(path)]
    loose = [path for path in loose if path not in texts]
    if loose and folders:
        raise UserError(
            f"{root} must hold either pictures or one sub-folder a class, but got both: {loose[0].name} beside {folders[0].name}/"
        )
    below = [(path, folder.name) for folder in folders for path in walk(folder)]
    return [Picture(path, part, label) for path, label in sorted([(path, "") for path in loose] + below)], texts


def _entries(root: Path) -> tuple[list[Path], list[Path]]:
    """Loose files, and folders with something in them."""
    candidates = walk(root)
    folders = sorted({root / path.relative_to(root).parts[0] for path in candidates if path.parent != root})
    return [path for path in candidates if path.parent == root], folders


def _is_text(path: Path) -> bool:
    """By its ending; a file without one is a text unless Pillow knows it."""
    if path.suffix:
        return path.suffix.lower() in TEXTS
    try:
        with Image.open(path):
            return False
    except Exception:  # Pillow raises many kinds
        return True


def _files_digest(paths: list[Path]) -> str:
    """Changes whenever a file is added, removed, renamed or written."""
    stats = [(str(path), path.stat() if path.exists() else path.lstat()) for path in paths]
    return _digest([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
