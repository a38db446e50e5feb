"""Why a picture was ranked where it was, and what would make it fit.

    bars            the parts of its score, one a latent, and what is not in the latents: they add up to the score
    counterfactual  its leading latents set to the batch's median, decoded, encoded again, ranked again: rank before and after.
                    Through pixels, because a change that the encoder does not see in the picture is no explanation
    traversal       its leading latent from its own value to the median
    residual        where the model cannot draw it: |x − x̂| minus the batch's median residual, on one scale for all pictures
    nearest         the nearest of all other pictures of the batch, in aggregate standard deviations

Latents have no names.  A bar says "latent 3 is unusual", and the traversal shows what latent 3 does to this picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.ranking.exploration import move
from analysis.ranking.rank_batch import Ranking, encode_batch
from models.codec import Codec
from models.outlier_scores import Floats, Rows, aggregate_moments, needs
from study.datasets import ArrayImages, Images

__all__ = ["Counterfactual", "Explanation", "explain", "median_residual"]

Pictures = NDArray[np.float32]

MOST_CHANGED = 3
STEPS = 7
NEAREST = 5
RESIDUAL_SAMPLE = 64


@dataclass(frozen=True)
class Counterfactual:
    """The picture (C, H, W) with `latents` set to the batch's median, and its rank before and after.

    redrawn   the rank of its plain reconstruction: what drawing it with this model changes by itself
    """

    latents: tuple[int, ...]
    picture: Pictures
    before: int
    redrawn: int
    after: int


@dataclass(frozen=True)
class Explanation:
    """Everything shown about picture number `row`.  parts (D,) + rest = score where the score is additive, else None.

    residual      (H, W), how much worse than usual it is drawn there, ≥ 0
    error_ratio   its squared reconstruction error over the batch's median
    """

    row: int
    parts: Floats | None
    rest: float
    counterfactual: Counterfactual | None
    traversal: Pictures | None
    traversed: int | None
    reconstruction: Pictures
    residual: Floats
    error_ratio: float
    nearest: Rows


@dataclass(frozen=True)
class Usual:
    """How the batch is usually drawn: median residual of every pixel (H, W), and median squared error of a picture."""

    residual: Floats
    error: float


def explain(codec: Codec, images: Images, ranking: Ranking, rows: Rows) -> list[Explanation]:
    """Explanations of the pictures `rows`; decodes only those and a sample of ordinary ones."""
    usual = median_residual(codec, images, ranking)
    return [_explain_one(codec, images, ranking, int(row), usual) for row in rows]


def median_residual(codec: Codec, images: Images, ranking: Ranking) -> Usual:
    """From at most 64 pictures, evenly spread over the ranking."""
    rows = ranking.order[:: max(1, len(ranking) // RESIDUAL_SAMPLE)]
    x = images[rows] / np.float32(255)
    difference = np.abs(x - codec.decode(ranking.batch.mu[rows].astype(np.float32)))
    error = np.square(difference).reshape(len(rows), -1).sum(axis=1)
    return Usual(np.median(difference.mean(axis=1), axis=0).astype(np.float64), float(np.median(error)))


def _explain_one(codec: Codec, images: Images, ranking: Ranking, row: int, usual: Usual) -> Explanation:
    mu = ranking.batch.mu[[row]].astype(np.float32)
    reconstruction = codec.decode(mu)[0]
    difference = np.abs(images[np.array([row])][0] / np.float32(255) - reconstruction)
    parts, rest, naming = ranking.scores.parts, ranking.scores.rest, ranking.scores.naming
    leading = None if naming is None else np.argsort(-naming[row])
    top = None if leading is None else int(leading[0])
    return Explanation(
        row=row,
        parts=None if parts is None else parts[row],
        rest=0.0 if rest is None else float(rest[row]),
        counterfactual=None if leading is None else _counterfactual(codec, ranking, row, leading),
        traversal=None if top is None else _traversal(codec, ranking, row, top),
        traversed=top,
        reconstruction=reconstruction,
        residual=np.maximum(difference.mean(axis=0) - usual.residual, 0),
        error_ratio=float(np.square(difference).sum()) / max(usual.error, 1e-12),
        nearest=_nearest(ranking, row),
    )


def _counterfactual(codec: Codec, ranking: Ranking, row: int, leading: Rows) -> Counterfactual:
    """Change one latent, then two, then three, until the picture is in the ordinary half; the best try is kept."""
    median = np.median(ranking.batch.mu[ranking.context], axis=0)
    redrawn = _rank_of_drawn(codec, ranking, row, ranking.batch.mu[row])[1]
    best: Counterfactual | None = None
    for count in range(1, min(MOST_CHANGED, len(leading)) + 1):
        z = ranking.batch.mu[row].copy()
        z[leading[:count]] = median[leading[:count]]
        picture, after = _rank_of_drawn(codec, ranking, row, z)
        if best is None or after > best.after:
            changed = tuple(int(latent) for latent in leading[:count])
            best = Counterfactual(changed, picture, int(ranking.ranks[row]), redrawn, after)
        if after > len(ranking) / 2:
            break
    assert best is not None
    return best


def _rank_of_drawn(codec: Codec, ranking: Ranking, row: int, z: Floats) -> tuple[Pictures, int]:
    picture = codec.decode(z[None].astype(np.float32))
    seen = encode_batch(codec, ArrayImages((picture * 255).round().astype(np.uint8)), needs(ranking.score))
    return picture[0], ranking.rank_of(row, seen)


def _traversal(codec: Codec, ranking: Ranking, row: int, latent: int) -> Pictures:
    median = float(np.median(ranking.batch.mu[ranking.context, latent]))
    return move(codec, ranking.batch, row, latent, np.linspace(ranking.batch.mu[row, latent], median, STEPS))


def _nearest(ranking: Ranking, row: int) -> Rows:
    others = np.delete(np.arange(len(ranking)), row)
    _, variance = aggregate_moments(ranking.batch, ranking.context)
    distance = ((ranking.batch.mu[others] - ranking.batch.mu[row]) ** 2 / variance).sum(axis=1)
    return np.asarray(others[np.argsort(distance, kind="stable")[:NEAREST]])
