"""The pictures to rank, and the clean ones that say what is ordinary: a folder, or those that a person has marked fine.

What is in the reference is not ranked: it is known to be ordinary, and would calibrate itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from analysis.ranking.marks import listed
from analysis.ranking.picture_set import PictureSet, files_named, find_files, fitting_preprocessing, read_pictures
from models.errors import UserError
from models.preprocessing import Preprocessing

__all__ = ["read_both"]

KINDS = {"L": "grey", "RGB": "colour"}


def read_both(
    folder: Path, exclude: tuple[str, ...], reference: Path | None, prepared: Callable[[list[Path]], Preprocessing]
) -> tuple[PictureSet, PictureSet | None]:
    """The pictures of `folder` and those of the reference; what a reader must know of either is in the first's notes.

    reference   a folder, or a marks.csv of the page, whose pictures marked fine lie below `folder`
    prepared    how pictures are made alike, from the files that are ranked

    Raises `UserError` for bad input of any kind.
    """
    files = find_files(folder, exclude)
    if reference is None:
        return read_pictures(folder, files, prepared(files), "reading pictures"), None
    root, clean = _reference(folder, reference)
    known = {path.resolve() for path in clean}
    ranked = [path for path in files if path.resolve() not in known]
    if not ranked:
        raise UserError(f"a ranking needs pictures beside those of the reference, but every file of {folder} is in {reference}")
    preprocessing = prepared(ranked)
    pictures = read_pictures(folder, ranked, preprocessing, "reading pictures")
    try:
        ordinary = read_pictures(root, clean, preprocessing, "reading reference")
    except UserError as error:
        raise UserError(f"--reference {reference}: {error}") from None
    notes = [f"reference: {note}" for note in ordinary.notes]
    if len(ranked) < len(files):
        notes.append(f"{len(files) - len(ranked)} pictures of the folder are in the reference, and are not ranked")
    ours, theirs = (fitting_preprocessing(some).mode for some in (ranked, clean))
    if ours != theirs:
        notes.append(f"the pictures are in {KINDS[ours]} and the reference is in {KINDS[theirs]}: another kind of picture")
    return replace(pictures, notes=(*pictures.notes, *notes)), ordinary


def _reference(folder: Path, reference: Path) -> tuple[Path, list[Path]]:
    """Where it lies, and its files."""
    if reference.is_dir():
        if reference.resolve() == folder.resolve():
            raise UserError(f"--reference must be other pictures than those that are ranked, but both are {folder}")
        try:
            return reference, find_files(reference)
        except UserError as error:
            raise UserError(f"--reference {reference}: {error}") from None
    return folder, sorted(files_named(folder, find_files(folder), listed(reference, "fine", only_marks=True)))
