"""The page of a ranked folder, whichever way it was ranked: all pictures first, then a sentence a picture; marks to save.

    record      what ranking.json holds (`analysis.ranking.record`): the page says the same
    folded      by file name: what a person unfolds below the sentence, where the way of ranking can draw it
    about       strips about the folder as a whole, folded too

One file that works from `file://`, offline, by keyboard and on a phone.  Thumbnails are inside, once each; originals are linked,
relative to the page.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from analysis.ranking.picture_set import PictureSet
from registry.console import progress
from study.views import title

__all__ = ["Folded", "Strip", "page_of"]

Picture = NDArray[Any]

VERDICTS = {
    "odd": "{count} of {n} pictures stand apart from the rest.",
    "nothing odd": "Nothing odd here: no picture stands apart. The first ones are merely first.",
    "too few to say": "Too few pictures to say whether anything is odd. They are ranked, but the first is only first.",
    "all the same": "All pictures are the same: nothing is odd.",
}
BY_REFERENCE = {
    "odd": "{count} of {n} pictures are odd compared with the reference, at a false discovery rate of {rate}.",
    "nothing odd": "Nothing odd here: no picture can be told from the reference at a false discovery rate of {rate}.",
}


@dataclass(frozen=True)
class Strip:
    """Pictures (C, H, W), uint8 or float in [0, 1], side by side.  Several that hardly differ are not shown."""

    caption: str
    pictures: Sequence[Picture]

    @property
    def changes(self) -> bool:
        """Whether there is anything to see: a single picture, or a change of 8 grey levels somewhere."""
        levels = [_levels(picture).astype(int) for picture in self.pictures]
        return len(levels) == 1 or any(int(np.abs(picture - levels[0]).max()) >= 8 for picture in levels)


@dataclass(frozen=True)
class Folded:
    """title: what is unfolded.  bars: (name, value), which add up to the score; none where it is not a sum."""

    title: str
    strips: Sequence[Strip] = ()
    bars: Sequence[tuple[str, float]] = ()


def page_of(
    pictures: PictureSet,
    out: Path,
    record: Mapping[str, Any],
    folded: Mapping[str, Folded] | None = None,
    about: Sequence[Strip] = (),
    how_to_read: str = "",
) -> str:
    """The whole page, to be written into `out`."""
    first, which = pictures.alike
    number = {name: int(which[file]) for file, name in enumerate(pictures.names)}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"name": _readable, "uri": _uri, "shown": _shown, "placed": _placed}
    entries = record["pictures"]
    once = {number[entry["file"]]: entry for entry in reversed(entries) if "reason" in entry}
    links = _links(pictures.root, out, [entry["file"] for entry in entries])
    tiles = [_tile(entry, number[entry["file"]], link) for entry, link in zip(entries, links, strict=True)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow's encoders release Python's lock
        drawn = pool.map(lambda file: _thumbnail(pictures.images[np.array([file])][0]), first)
        thumbnails = list(progress(drawn, len(first), "drawing the page"))
    return environment.get_template("page.html").render(
        title=pictures.root.resolve().name,
        verdict=_verdict(record),
        record=record,
        trust={title(name): value for name, value in record.get("trust", {}).items()},
        views={name: title(name) for name in dict.fromkeys(entry["view"] for entry in entries)},
        data=json.dumps({"tiles": tiles, "thumbnails": thumbnails}).replace("<", "\\u003c"),
        told=sorted(once.values(), key=lambda entry: entry["rank"]),
        place={entry["file"]: place for place, entry in enumerate(entries)},
        number=number,
        folded=folded or {},
        about=about,
        how_to_read=how_to_read,
        script=(Path(__file__).parent / "page.js").read_text(encoding="utf-8"),
    )


def _verdict(record: Mapping[str, Any]) -> str:
    rate = record["made_with"].get("false discovery rate")
    sentences = VERDICTS if rate is None else VERDICTS | BY_REFERENCE
    said = sentences[record["verdict"]].format(count=record["stand_out"], n=len(record["pictures"]), rate=rate)
    unreadable = len(record["unreadable"])
    return said if not unreadable else f"{said} {unreadable} file{'s' if unreadable > 1 else ''} could not be read."


def _tile(entry: Mapping[str, Any], picture: int, link: str) -> dict[str, Any]:
    """One letter a key: there can be thousands."""
    return {
        "f": entry["file"],
        "r": entry["rank"],
        "o": entry["stands_out"],
        "v": entry["view"],
        "t": picture,
        "u": link,
        "c": entry.get("alike", 1) - 1,
    }


def _placed(values: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """Where each bar begins and how wide it is, and where zero is, in percent."""
    low, high = min([0.0, *(value for _, value in values)]), max([0.0, *(value for _, value in values)])
    percent = 100 / max(high - low, 1e-12)
    return [
        {
            "name": name,
            "value": value,
            "left": round((min(value, 0) - low) * percent, 2),
            "width": round(abs(value) * percent, 2),
            "axis": round(-low * percent, 2),
        }
        for name, value in values
    ]


def _links(folder: Path, out: Path, names: Sequence[str]) -> list[str]:
    """From the page to the originals; absolute where they are on different drives."""
    try:
        start = os.path.relpath(folder.resolve(), out.resolve()).replace(os.sep, "/")
    except ValueError:
        return [(folder.resolve() / name).as_uri() for name in names]
    return [quote(os.fsencode(os.path.normpath(f"{start}/{name}").replace(os.sep, "/"))) for name in names]


def _readable(name: str) -> str:
    """A file's name where people read: bytes that are no UTF-8 as �."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _shown(strips: Sequence[Strip]) -> list[Strip]:
    return [strip for strip in strips if strip.changes]


def _levels(picture: Picture) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return picture
    return np.asarray(np.clip(picture * 255, 0, 255).round(), dtype=np.uint8)


def _uri(picture: Picture) -> str:
    return f"data:image/webp;base64,{_thumbnail(picture)}"


def _thumbnail(picture: Picture) -> str:
    pixels = _levels(picture)
    pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=80, method=0)
    return base64.b64encode(buffer.getvalue()).decode()
