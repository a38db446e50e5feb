"""Rank the pictures of a batch by how odd they are in that batch, and say how firmly that is known.

    encode_batch   pictures → posteriors, in chunks: memory does not grow with the pictures, only with their codes
    rank_batch     posteriors → scores, ranks, intervals, and a verdict

What is *not* known from one batch alone is how odd an ordinary picture can be.  So there are two kinds of answers:

    without a reference   bootstrap rank intervals (the context resampled, the model the same: ranks by a model trained with
                          another seed were inside in 54 % of cases), and the pictures that stand out of the batch's
                          own tail.  No probabilities: the rule is a convention, and BatchRank reports how often it
                          calls a picture of a clean batch odd.
    with clean pictures   as many of them as the batch has (at most half) are the context, the others calibrate: the
                          conformal p-value of a picture is (Vovk et al. 2005)
                              p = (1 + #{calibration scores ≥ its score}) / (1 + number of calibration pictures)
                          and Benjamini–Hochberg selects at a false discovery rate, which holds for such p-values
                          (Bates et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, rankdata

from models.codec import Codec
from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE, ENOUGH, Batch, Floats, Rows, Scores, is_linear, score_batch, stands_out
from study.datasets import Images

__all__ = ["Ranking", "Verdict", "conformal", "encode_batch", "rank_batch"]

Bools = NDArray[np.bool_]
Verdict = Literal["odd", "nothing odd", "too few to say", "all the same"]

CHUNK = 256
COVERAGE = 0.9
RESAMPLES = 200


@dataclass(frozen=True)
class Ranking:
    """Ranks of n pictures, 1 = oddest; equal scores share the smaller rank.

    low, high   bounds of the 90 % bootstrap interval of each rank, (n,)
    stand_out   scores beyond the batch's own tail, (n,); with a reference: selected at the false discovery rate
    p_values    (n,) where a clean reference was given, else None
    context     rows of `batch` that the scores refer to; those of a reference come after the n pictures
    """

    score: str
    batch: Batch
    context: Rows
    scores: Scores
    ranks: Rows
    low: Rows
    high: Rows
    stand_out: Bools
    verdict: Verdict
    p_values: Floats | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def order(self) -> Rows:
        """Picture numbers, oddest first."""
        return np.argsort(self.ranks, kind="stable")

    @property
    def values(self) -> Floats:
        """(n,), higher = odder."""
        return self.scores.values

    def spread(self, picture: Rows) -> Ranking:
        """Of files, where file number i shows picture[i]: each has what its picture has.  The batch stays as it is."""
        own = {name: getattr(self, name)[picture] for name in ("ranks", "low", "high", "stand_out")}
        parts, rest, p = (None if of is None else of[picture] for of in (self.scores.parts, self.scores.rest, self.p_values))
        return replace(self, scores=Scores(self.values[picture], parts, rest), p_values=p, **own)

    def rank_of(self, row: int, other: Batch) -> int:
        """The rank of picture number `row` if it were the one picture of `other`, everything else as it is."""
        values = score_batch(self.score, self.batch.replaced(row, other), self.context).values[: len(self)]
        return int((values > values[row]).sum()) + 1


def encode_batch(
    codec: Codec, images: Images, asked: tuple[str, ...] = (), tick: Callable[[int], object] = lambda done: None
) -> Batch:
    """All images as a score sees them.  `tick(done)` is called after every chunk with the number of pictures done."""
    parts = []
    for start in range(0, len(images), CHUNK):
        part = images[np.arange(start, min(start + CHUNK, len(images)))]
        mu, logvar = codec.encode(part)
        pixels = part.reshape(len(part), -1) / np.float32(255) if asked else None
        decoded = codec.decode(mu).reshape(len(part), -1) if "reconstructions" in asked else None
        parts.append((mu, logvar, pixels, decoded))
        tick(start + len(part))
    means, logvars, all_pixels, all_decoded = (_joined([part[i] for part in parts]) for i in range(4))
    assert means is not None and logvars is not None
    return Batch(means.astype(np.float64), logvars.astype(np.float64), all_pixels, all_decoded)


def rank_batch(
    pictures: Batch,
    score: str = DEFAULT_SCORE,
    reference: Batch | None = None,
    fdr: float = 0.1,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Ranking:
    """Rank the pictures in their own context, or in that of a clean `reference` when there is one.

    fdr: the share of ordinary pictures among the selected that is tolerated on average; used with a reference.

    Raises `UserError` for fewer than 3 pictures, fewer than 8 reference pictures, an unknown score, fdr outside (0, 1).
    """
    if len(pictures) < 3:
        raise UserError(f"a ranking needs at least 3 pictures, but got {len(pictures)}")
    if not 0 < fdr < 1:
        raise UserError(f"0 < fdr < 1 must hold, but got {fdr}")
    generator = np.random.default_rng(seed)
    n = len(pictures)
    batch, context, calibration = _with_reference(pictures, reference, generator)
    scores = score_batch(score, batch, context)
    mine = scores.take(np.arange(n))
    low, high = _rank_interval(score, batch, context, n, _affordable(score, n, resamples), generator)
    p_values = None if calibration is None else conformal(mine.values, scores.values[calibration])
    stand_out = stands_out(mine.values) if p_values is None else false_discovery_control(p_values, method="bh") <= fdr
    return Ranking(
        score=score,
        batch=batch,
        context=context,
        scores=mine,
        ranks=_ranks(mine.values),
        low=low,
        high=high,
        stand_out=stand_out,
        verdict=_verdict(mine.values, stand_out, calibrated=p_values is not None),
        p_values=p_values,
        notes=_notes(n, calibration, fdr),
    )


def _with_reference(pictures: Batch, reference: Batch | None, generator: np.random.Generator) -> tuple[Batch, Rows, Rows | None]:
    """The batch with the reference behind it, the rows that are context, and those that calibrate."""
    n = len(pictures)
    if reference is None:
        return pictures, np.arange(n), None
    if len(reference) < 8:
        raise UserError(f"a reference needs at least 8 pictures (context and calibration), but got {len(reference)}")
    rows = n + generator.permutation(len(reference))
    size = min(len(reference) // 2, max(n, ENOUGH))
    joined = [
        _joined([getattr(part, name) for part in (pictures, reference)]) for name in ("mu", "logvar", "pixels", "reconstructions")
    ]
    return Batch(*joined), np.sort(rows[:size]), np.sort(rows[size:])  # type: ignore[arg-type]


def _rank_interval(
    score: str, batch: Batch, context: Rows, n: int, resamples: int, generator: np.random.Generator
) -> tuple[Rows, Rows]:
    """Quantiles of every picture's rank when the context is resampled."""
    ranks = np.empty((resamples, n), dtype=np.int32)
    for resample in range(resamples):
        drawn = generator.choice(context, len(context))
        while len(np.unique(drawn)) < 2:
            drawn = generator.choice(context, len(context))
        ranks[resample] = _ranks(score_batch(score, batch, drawn).values[:n])
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(ranks, (tail, 1 - tail), axis=0, method="closest_observation")
    return low.astype(np.int64), high.astype(np.int64)


def _affordable(score: str, n: int, resamples: int) -> int:
    """Scores that compare all pairs, or pixels, take n² per resample: fewer resamples for large batches of those."""
    return resamples if is_linear(score) or n <= 500 else max(20, resamples * 500 // n)


def _ranks(values: Floats) -> Rows:
    return np.asarray(rankdata(-values, method="min"), dtype=np.int64)


def conformal(values: Floats, calibration: Floats) -> Floats:
    """p-values (n,) of `values`: the rank of each among `calibration` (Vovk et al. 2005)."""
    ascending = np.sort(calibration)
    at_least = len(ascending) - np.searchsorted(ascending, values, side="left")
    return np.asarray((1 + at_least) / (1 + len(ascending)))


def _verdict(values: Floats, stand_out: Bools, calibrated: bool) -> Verdict:
    if np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
        return "all the same"
    if len(values) < ENOUGH and not calibrated:
        return "too few to say"
    return "odd" if stand_out.any() else "nothing odd"


def _notes(n: int, calibration: Rows | None, fdr: float) -> tuple[str, ...]:
    if calibration is None:
        few = f"{n} pictures are too few to say whether the first ones are odd or merely first: {ENOUGH} are needed"
        return (few,) if n < ENOUGH else ()
    smallest = 1 / (1 + len(calibration))
    if smallest > fdr / n:
        wanted = int(np.ceil(n / fdr)) + n
        note = f"with {len(calibration)} calibration pictures no p-value is below {smallest:.3g}: one odd picture alone among {n}"
        return (f"{note} cannot be selected at fdr {fdr:g}; about {wanted} reference pictures would be needed for that",)
    return ()


def _joined(arrays: list[NDArray[np.floating] | None]) -> NDArray[np.floating] | None:
    given = [array for array in arrays if array is not None]
    return np.concatenate(given) if len(given) == len(arrays) else None
