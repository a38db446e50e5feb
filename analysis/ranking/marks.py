"""Lists of pictures: one path below the folder a line, or what the page saves as marks.csv (file, mark: fine, odd or unsure)."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from models.errors import UserError

__all__ = ["listed"]


def listed(path: Path, mark: str, only_marks: bool = False) -> tuple[str, ...]:
    """The names that a plain list holds, or those with this mark: as the file system spells them, byte for byte.

    Raises `UserError` where a plain list is not what is wanted, or the file cannot be read.
    """
    try:
        text = os.fsdecode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))  # a byte order mark aside
    except OSError as error:
        raise UserError(f"cannot read the list {path}: {error.strerror}") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    column = next((name for name in ("mark", "marks") if rows.fieldnames == ["file", name]), None)
    if column is not None:
        return tuple(row["file"] for row in rows if row[column] == mark)
    if only_marks:
        raise UserError(f"{path} is neither a folder nor a list of marks, which begins with the line file,mark")
    return tuple(line for line in text.splitlines() if line.strip())
