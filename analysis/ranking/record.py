"""What ranking.json and ranking.csv say of every picture: the same for every way of ranking, and what the page is made from.

verdict, stand_out      of the whole folder, and how many pictures
made_with, notes        facts by name, and what a reader must know
unreadable              file and reason; such files count as odd, and have no rank
pictures                oddest first: rank, file, score, stands_out, p_value; where other files show the same picture, or nearly,
                        alike (how many files do), copies (all others of the first of them; of the others that first one),
                        nearly (those of the copies that are not equal as read); and what the way of ranking adds: view, and where
                        it is told, reason and nearest; intervals, latents, z
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.ranking.picture_set import PictureSet
from analysis.ranking.rank_batch import Ranking
from analysis.ranking.rank_views import ViewRanking
from models.files import write_atomically
from models.picture_files import mark_output

__all__ = ["record_of", "write_ranking"]

Record = dict[str, Any]
Ranked = ViewRanking | Ranking

COLUMNS = ("rank", "file", "score", "rank_low", "rank_high", "stands_out", "p_value", "view", "reason", "copies")
OF_LATENTS = ("leading_latent", "leading_part")


def record_of(
    pictures: PictureSet, ranking: Ranked, facts: dict[str, str], own: Callable[[int, int], dict[str, Any]], **more: Any
) -> Record:
    """own(file, place): what the way of ranking adds to the entry of file number `file`, `place` 0 for the oddest."""

    def entry(file: int, place: int) -> dict[str, Any]:
        found = {
            "rank": int(ranking.ranks[file]),
            "file": pictures.names[file],
            "score": float(ranking.values[file]),
            "stands_out": bool(ranking.stand_out[file]),
            "p_value": None if ranking.p_values is None else float(ranking.p_values[file]),
        }
        return found | _copies(pictures, file) | own(file, place)

    return {
        "verdict": ranking.verdict,
        "stand_out": int(ranking.stand_out.sum()),
        "made_with": facts,
        "notes": [*pictures.notes, *ranking.notes, *_other_kind(ranking)],
        "unreadable": [{"file": file.relative_to(pictures.root).as_posix(), "reason": why} for file, why in pictures.unreadable],
        "pictures": [entry(int(file), place) for place, file in enumerate(ranking.order)],
        **more,
    }


def _copies(pictures: PictureSet, file: int) -> Record:
    others = pictures.copies.get(file)
    if others is None:
        return {}
    which = pictures.alike[1]
    nearly = [pictures.names[other] for other in others if pictures.equal[other] != pictures.equal[file]]
    found = {"alike": int((which == which[file]).sum()), "copies": [pictures.names[other] for other in others]}
    return found | ({"nearly": nearly} if nearly else {})


def _other_kind(ranking: Ranked) -> list[str]:
    """Where a reference finds most of the folder odd, it says little about which of it are."""
    count, n = int(ranking.stand_out.sum()), len(ranking.stand_out)
    if ranking.p_values is None or count <= n / 2:
        return []
    return [f"{count} of {n} pictures are unlike the reference: it may show another kind of picture, and the order says more"]


def write_ranking(out: Path, record: Record, page: str) -> None:
    """The three files."""
    mark_output(out)
    write_atomically(out / "ranking.csv", _csv(record).encode("utf-8", "surrogateescape"))  # names as the disk has them
    write_atomically(out / "ranking.html", page)
    write_atomically(out / "ranking.json", json.dumps(record, indent=1))


def _csv(record: Record) -> str:
    """Unreadable files first."""
    text = io.StringIO()
    extra = OF_LATENTS if OF_LATENTS[0] in record["pictures"][0] else ()
    columns = [column for column in COLUMNS if extra or not column.startswith("rank_")]
    writer = csv.DictWriter(text, [*columns, *extra], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for bad in record["unreadable"]:
        writer.writerow({**bad, "stands_out": True, "view": "unreadable"})
    writer.writerows({**entry, "copies": entry.get("alike", 1) - 1} for entry in record["pictures"])
    return text.getvalue()
