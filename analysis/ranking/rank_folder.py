"""A folder of pictures: read, encoded, ranked, explained, written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from analysis.ranking.explanation import Explanation, explain
from analysis.ranking.latent_story import HOW_TO_READ, about, folded, scale_of, sentence
from analysis.ranking.open_model import OpenModel, from_codec, open_model
from analysis.ranking.page import page_of
from analysis.ranking.picture_set import PictureSet, fitting_preprocessing
from analysis.ranking.rank_batch import Ranking, encode_batch, rank_batch
from analysis.ranking.record import record_of, write_ranking
from analysis.ranking.reference import read_both
from models.checkpoint import save_model
from models.codec import TorchCodec
from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE, Batch, Rows, needs
from registry.console import bar
from study.datasets import ArrayImages

__all__ = ["rank_folder"]


def rank_folder(
    folder: Path,
    out: Path,
    model: str | None = None,
    score: str = DEFAULT_SCORE,
    reference: Path | None = None,
    fdr: float = 0.1,
    top: int = 20,
    exclude: tuple[str, ...] = (),
    registry: Path | None = None,
    seed: int = 0,
) -> tuple[dict[str, Any], Ranking]:
    """Rank a folder and write the three files into `out`; returns what ranking.json holds, and the ranking of its pictures.

    Files that show the same picture, or nearly, are one picture.  Raises `UserError` for bad input; no ranking is written then.
    """
    asked = needs(score)
    opened = open_model(model, registry) if model is not None else None
    pictures, clean = read_both(
        folder, exclude, reference, lambda files: opened.preprocessing if opened else fitting_preprocessing(files)
    )
    if len(pictures) < 3:
        raise UserError(f"a ranking needs at least 3 pictures, but {folder} has {len(pictures)}")
    shown, picture = _different(pictures)
    opened = opened or _train(shown, clean, folder, out, seed)
    if opened.config.condition is not None:
        raise UserError(f"{opened.name} is told each picture's class; a ranking needs a model without a condition")
    batch = _encode(opened, shown, asked)
    ranking = rank_batch(batch, score, None if clean is None else _encode(opened, clean, asked), fdr, seed=seed)
    explained = {e.row: e for e in explain(opened.codec, shown.images, ranking, ranking.order[:top])}
    record = record_of(
        pictures,
        ranking.spread(picture),
        _facts(opened, pictures, clean, ranking, fdr, seed),
        lambda file, _: _entry(shown, ranking, int(picture[file]), explained.get(int(picture[file]))),
    )
    scale = scale_of(list(explained.values()))
    images = shown.images[np.array(list(explained), dtype=np.int64)]
    more = {
        shown.names[row]: folded(image, e, len(ranking), scale) for image, (row, e) in zip(images, explained.items(), strict=True)
    }
    how = HOW_TO_READ if ranking.scores.parts is not None else ""
    write_ranking(out, record, page_of(pictures, out, record, more, about(opened.codec, shown.images, ranking), how))
    return record, ranking


def _different(pictures: PictureSet) -> tuple[PictureSet, Rows]:
    """One file of each picture, and which of them each file shows; all files where hardly any differ."""
    first, which = pictures.alike
    return (pictures, np.arange(len(pictures))) if len(first) < 3 else (pictures.distinct, which)


def _train(pictures: PictureSet, clean: PictureSet | None, folder: Path, out: Path, seed: int) -> OpenModel:
    """On the folder and the reference together: a model of the folder alone draws its own pictures better than others."""
    from analysis.ranking.quick_model import train_on

    both = "" if clean is None else f" and the {len(clean)} of the reference"
    print(f"no --model: training a small one on the {len(pictures)} pictures{both}", file=sys.stderr)
    images = pictures.images
    if clean is not None:
        images = ArrayImages(np.concatenate([images.array, clean.images.array]))
    model = train_on(images, folder.resolve().name, seed)
    save_model(model, out / "model.vae")
    return from_codec(TorchCodec(model), model.config, f"trained on these pictures{' and the reference' if both else ''}")


def _encode(opened: OpenModel, pictures: PictureSet, asked: tuple[str, ...]) -> Batch:
    with bar() as progress:
        task = progress.add_task("encoding", total=len(pictures))
        return encode_batch(opened.codec, pictures.images, asked, lambda done: progress.update(task, completed=done))


def _facts(
    opened: OpenModel, pictures: PictureSet, clean: PictureSet | None, ranking: Ranking, fdr: float, seed: int
) -> dict[str, str]:
    channels, height, width = pictures.images.image_shape
    facts = {
        "pictures": str(len(pictures)),
        "seen as": f"{width}×{height} {'grey' if channels == 1 else 'colour'}",
        "model": opened.name,
        "latents": str(opened.config.latent_dim),
        "score": ranking.score,
        "context": "the folder itself" if clean is None else f"{len(ranking.context)} of {len(clean)} reference pictures",
        "seed": str(seed),
    }
    return facts if clean is None else {**facts, "false discovery rate": f"{fdr:g}"}


def _entry(pictures: PictureSet, ranking: Ranking, row: int, e: Explanation | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"rank_low": int(ranking.low[row]), "rank_high": int(ranking.high[row]), "view": "latents"}
    if ranking.scores.naming is not None and ranking.scores.parts is not None:
        leading = int(ranking.scores.naming[row].argmax())
        entry |= {"leading_latent": leading, "leading_part": float(ranking.scores.parts[row, leading])}
    if e is None:
        return entry
    told: dict[str, Any] = {"error_ratio": e.error_ratio}
    if e.parts is not None:
        told |= {"parts": e.parts.tolist(), "not_in_the_latents": e.rest}
    if (c := e.counterfactual) is not None:
        changed = {"rank_before": c.before, "rank_redrawn": c.redrawn, "rank_after": c.after}
        told["counterfactual"] = {"latents": list(c.latents), **changed}
    nearest = [pictures.names[other] for other in e.nearest]
    return {**entry, "reason": sentence(e), "nearest": nearest, "explanation": told}
