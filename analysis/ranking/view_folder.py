"""A folder ranked by views, written: ranking.csv, ranking.json, ranking.html."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from analysis.ranking.picture_set import PictureSet, find_files, fitting_preprocessing, read_pictures
from analysis.ranking.rank_views import DEFAULT_VIEWS, ViewRanking, rank_views
from analysis.ranking.view_page import view_page
from models.files import write_atomically
from models.picture_files import mark_output
from study.views import ALARM, title

__all__ = ["view_folder"]

COLUMNS = ("rank", "file", "score", "stands_out", "p_value", "view", "reason", "copies")


def view_folder(
    folder: Path,
    out: Path,
    views: tuple[str, ...] = DEFAULT_VIEWS,
    reference: Path | None = None,
    fdr: float = 0.1,
    top: int = 20,
    exclude: tuple[str, ...] = (),
    registry: Path | None = None,
    seed: int = 0,
    crop: bool = False,
) -> tuple[dict[str, Any], ViewRanking]:
    """Rank a folder and write the three files into `out`; returns what ranking.json holds, and the ranking.

    Raises `UserError` for bad input of any kind; nothing is written then.
    """
    files = find_files(folder, exclude)
    preprocessing = fitting_preprocessing(files, "centre" if crop else "none")
    pictures = read_pictures(folder, files, preprocessing, "reading pictures")
    clean = None if reference is None else read_pictures(reference, find_files(reference), preprocessing, "reading reference")
    ranking = rank_views(pictures, views, clean, fdr, registry, seed)
    record = _record(pictures, clean, ranking, top, fdr, crop)
    page = view_page(folder, out, pictures, ranking, record, top)
    mark_output(out)
    write_atomically(out / "ranking.csv", _csv(record))
    write_atomically(out / "ranking.html", page)
    write_atomically(out / "ranking.json", json.dumps(record, indent=1))
    return record, ranking


def _record(
    pictures: PictureSet, clean: PictureSet | None, ranking: ViewRanking, top: int, fdr: float, crop: bool
) -> dict[str, Any]:
    channels, height, width = pictures.images.image_shape
    kind, part = "grey" if channels == 1 else "colour", "cut to the middle" if crop else "whole, resized"
    facts = {
        "pictures": str(len(pictures)),
        "seen as": f"{width}×{height} {kind}, {part}",
        "views": ", ".join(title(name) for name in ranking.looks),
        "context": "the folder itself" if clean is None else f"{len(clean)} reference pictures",
    }
    if clean is None:
        facts["rule"] = f"aims at an alarm in {ALARM:.0%} of clean folders; 0 to 10% measured before it was last tightened"
    else:
        facts["false discovery rate"] = f"{fdr:g}"
    return {
        "verdict": ranking.verdict,
        "stand_out": int(ranking.stand_out.sum()),
        "made_with": facts,
        "trust": {name: round(value, 3) for name, value in ranking.fused.trust.items()},
        "notes": [*pictures.notes, *ranking.notes],
        "unreadable": [{"file": file.relative_to(pictures.root).as_posix(), "reason": why} for file, why in pictures.unreadable],
        "pictures": [_entry(pictures, ranking, int(file), number < top) for number, file in enumerate(ranking.order)],
    }


def _entry(pictures: PictureSet, ranking: ViewRanking, file: int, told: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "rank": int(ranking.ranks[file]),
        "file": pictures.names[file],
        "score": float(ranking.values[file]),
        "stands_out": bool(ranking.stand_out[file]),
        "p_value": None if ranking.p_values is None else float(ranking.p_values[file]),
        "view": ranking.view(file),
        "z": {name: round(float(z[ranking.picture[file]]), 3) for name, z in ranking.fused.z.items()},
    }
    if copies := ranking.copies(file):
        entry["copies"] = [pictures.names[other] for other in copies]
    if told:
        entry |= {"reason": ranking.reason(file), "nearest": [pictures.names[other] for other in ranking.nearest(file)]}
    return entry


def _csv(record: dict[str, Any]) -> str:
    """Unreadable files first: they count as odd, and have no rank."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for bad in record["unreadable"]:
        writer.writerow({**bad, "stands_out": True, "view": "unreadable"})
    writer.writerows({**entry, "copies": len(entry.get("copies", ()))} for entry in record["pictures"])
    return text.getvalue()
