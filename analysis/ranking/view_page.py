"""The page of a folder ranked by views: all pictures first, then a sentence a picture; marks that can be saved.

One file that works from `file://`, offline, by keyboard and on a phone.  Thumbnails are inside, once each; originals are linked,
relative to the page.
"""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from analysis.ranking.picture_set import PictureSet
from analysis.ranking.rank_views import ViewRanking
from study.views import title

__all__ = ["view_page"]

VERDICTS = {
    "odd": "{count} of {n} pictures stand apart from the rest.",
    "nothing odd": "Nothing odd here: no picture stands apart. The first ones are merely first.",
    "too few to say": "Too few pictures to say whether anything is odd. They are ranked, but the first is only first.",
    "all the same": "All pictures are the same: nothing is odd.",
}


def view_page(folder: Path, out: Path, pictures: PictureSet, ranking: ViewRanking, record: dict[str, Any], top: int) -> str:
    """The whole page."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    order = [int(file) for file in ranking.order]
    entries = [_tile(folder, out, ranking, entry, file) for entry, file in zip(record["pictures"], order, strict=True)]
    thumbnails = [_thumbnail(pictures.images[np.array([file])][0]) for file in ranking.files]
    return environment.get_template("view_page.html").render(
        title=folder.resolve().name,
        verdict=VERDICTS[ranking.verdict].format(count=record["stand_out"], n=len(ranking)),
        facts=list(record["made_with"].items()),
        trust=[(title(name), f"{value:.0%}") for name, value in record["trust"].items()],
        notes=record["notes"],
        unreadable=record["unreadable"],
        views={name: title(name) for name in ranking.looks},
        data=json.dumps({"tiles": entries, "thumbnails": thumbnails}).replace("<", "\\u003c"),
        told=[_told(entry, ranking, order[number], number) for number, entry in enumerate(record["pictures"][:top])],
    )


def _tile(folder: Path, out: Path, ranking: ViewRanking, entry: dict[str, Any], file: int) -> dict[str, Any]:
    return {
        "f": entry["file"],
        "r": entry["rank"],
        "o": entry["stands_out"],
        "v": entry["view"],
        "t": int(ranking.picture[file]),
        "u": _link(folder, out, entry["file"]),
        "c": len(entry.get("copies", ())),
    }


def _told(entry: dict[str, Any], ranking: ViewRanking, file: int, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "rank": entry["rank"],
        "file": entry["file"],
        "odd": entry["stands_out"],
        "view": title(entry["view"]),
        "reason": entry["reason"],
        "copies": len(entry.get("copies", ())),
        "p_value": "" if entry["p_value"] is None else f"{entry['p_value']:.3g}",
        "picture": int(ranking.picture[file]),
        "nearest": [int(ranking.picture[other]) for other in ranking.nearest(file)],
    }


def _link(folder: Path, out: Path, name: str) -> str:
    """From the page to the original; absolute where they are on different drives."""
    try:
        path = os.path.relpath(folder.resolve() / name, out.resolve())
    except ValueError:
        return (folder.resolve() / name).as_uri()
    return quote(os.fsencode(path.replace(os.sep, "/")))


def _thumbnail(image: NDArray[np.uint8]) -> str:
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=80, method=0)
    return base64.b64encode(buffer.getvalue()).decode()
