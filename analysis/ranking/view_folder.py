"""A folder ranked by views, written: ranking.csv, ranking.json, ranking.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.ranking.page import Folded, Strip, page_of
from analysis.ranking.picture_set import PictureSet, fitting_preprocessing
from analysis.ranking.rank_views import DEFAULT_VIEWS, ViewRanking, rank_views
from analysis.ranking.record import record_of, write_ranking
from analysis.ranking.reference import read_both
from study.views import MEASURED, bright, title, where

__all__ = ["view_folder"]


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
    part: Literal["centre", "none"] = "centre" if crop else "none"
    pictures, clean = read_both(folder, exclude, reference, lambda files: fitting_preprocessing(files, part))
    ranking = rank_views(pictures, views, clean, fdr, registry, seed)

    told = set(list(dict.fromkeys(ranking.picture[ranking.order].tolist()))[:top])

    def own(file: int, _: int) -> dict[str, Any]:
        z = {name: round(float(values[ranking.picture[file]]), 3) for name, values in ranking.fused.z.items()}
        found = {"view": ranking.view(file), "z": z}
        if ranking.picture[file] not in told:
            return found
        return found | {"reason": ranking.reason(file), "nearest": [pictures.names[other] for other in ranking.nearest(file)]}

    trust = {name: round(value, 3) for name, value in ranking.fused.trust.items()}
    record = record_of(pictures, ranking, _facts(pictures, clean, ranking, fdr, crop), own, trust=trust)
    write_ranking(out, record, page_of(pictures, out, record, _folded(pictures, ranking, told)))
    return record, ranking


def _folded(pictures: PictureSet, ranking: ViewRanking, told: set[int]) -> dict[str, Folded]:
    """Beside each picture that is told of, where it is unlike others, by each view that can say."""
    found = {}
    for row in told if len(ranking.files) >= 3 else ():
        image, strips = ranking.seen.images[np.array([row])][0], []
        for name, look in ranking.looks.items():
            heat = where(name, ranking.seen, look, row)
            if heat is not None and heat.max() > 0:
                strips.append(Strip(f"bright where {bright(name)}", [_lit(image, heat)]))
        if strips:
            found[pictures.names[ranking.files[row]]] = Folded("Where it differs", [Strip("the picture", [image]), *strips])
    return found


def _lit(image: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.float64]:
    """The picture (C, H, W) in dim grey, with orange where the heat (H, W) is, (3, H, W) in [0, 1]."""
    share = (heat / heat.max())[None]
    return np.asarray((1 - share) * 0.5 * image.mean(axis=0) / 255 + share * np.array([1.0, 0.6, 0.1])[:, None, None])


def _facts(pictures: PictureSet, clean: PictureSet | None, ranking: ViewRanking, fdr: float, crop: bool) -> dict[str, str]:
    channels, height, width = pictures.images.image_shape
    kind, part = "grey" if channels == 1 else "colour", "cut to the middle" if crop else "whole, resized"
    facts = {
        "pictures": str(len(pictures)),
        "seen as": f"{width}×{height} {kind}, {part}",
        "views": ", ".join(title(name) for name in ranking.looks),
        "context": "the folder itself" if clean is None else f"{len(clean)} reference pictures",
    }
    if clean is None:
        return facts | {"rule": MEASURED}
    return facts | {"false discovery rate": f"{fdr:g}"}
