"""ModelCentrality (Lin et al. 2020, InfoGAN-CR): the model that the other models agree with most, without labels.

Each model in turn plays the truth: its decoder draws pictures in which one of its latents is held, and the others' encoders are
asked which one that was.

    A_ij = FactorVAE score of encoder i on pictures of decoder j, with j's latents as the factors
    B_ij = (A_ij + A_ji) / 2              s_i = mean of B_ij over j ≠ i

A code that several trainings find is a good one, if there is one good code and many ways to miss it (Duan et al. 2020 argue the
same for UDR); the largest s_i is the collection's medoid.  The configuration's value is the median over its seeds.  Range 0 … 1,
higher is better.  Cost: minutes; S² · 5,620 encodings for S models.

    model_centrality         as published: all latents of the generator count, dead ones, too, so a share of 1/D is chance, which
                             favours models of few latents where D differs
    model_centrality_kappa   the same with (A − 1/D) / (1 − 1/D), not below 0, for A: 0 is chance for any D

As published but for three things: 160 votes of 32 pictures instead of 1,000 of 100; each half's table of votes is scored on the
other half (there: on its own votes, which is above chance by chance); latents with a standard deviation below 0.05 take no part.
Unchanged by permuting, flipping and scaling latents of the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec
from models.errors import UserError
from study.evidence.encoding import Encoding
from study.evidence.points import ACTIVE
from study.metrics._metric import Metric

__all__ = ["METRIC", "above_chance", "agreements", "compute", "model_centrality"]

HALF, WIDTH, FREE = 80, 32, 500
"""Votes that make one of two tables, pictures behind a vote, pictures that say how far each latent varies."""

CHUNK = 128

METRIC = Metric(
    family="seeds",
    keys=("model_centrality", "model_centrality_kappa"),
    direction="maximize",
    range=(0, 1),
    cost="minutes",
    titles={"model_centrality": "ModelCentrality", "model_centrality_kappa": "ModelCentrality above chance"},
)

Floats = NDArray[np.float64]


def agreements(codecs: Sequence[Codec], latents: Sequence[int], seed: int = 0) -> Iterator[Floats]:
    """Columns A_·j (S,), one for each generator j, of models with so many latents; see the module.

    Raises `UserError` for fewer than two models, one whose pictures another cannot encode, or codes that are not finite.
    """
    if len(codecs) < 2:
        raise UserError(f"ModelCentrality needs at least 2 models, but got {len(codecs)}")
    for generator, count in zip(codecs, latents, strict=True):
        rng = np.random.default_rng([seed, count])
        held = np.arange(2 * HALF) % count
        z = rng.standard_normal((len(held), WIDTH, count))
        z[np.arange(len(held)), :, held] = z[np.arange(len(held)), 0, held][:, None]
        every = np.concatenate([rng.standard_normal((FREE, count)), z.reshape(-1, count)]).astype(np.float32)
        yield np.array([_share(codes, held) for codes in _codes(generator, codecs, every)])


def above_chance(shares: Floats, latents: Sequence[int]) -> Floats:
    """A (S, S) with 0 for guessing among the generator's latents, as Cohen's κ has it; never below 0.

    >>> above_chance(np.array([[1.0, 0.5], [0.25, 0.75]]), [4, 2]).tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """
    chance = 1 / np.asarray(latents)
    return np.maximum(0.0, (shares - chance) / np.where(chance < 1, 1 - chance, np.inf))


def model_centrality(shares: Floats) -> Floats:
    """s (S,) of S ≥ 2 models from A (S, S).

    >>> model_centrality(np.array([[1.0, 0.8, 0.2], [0.6, 1.0, 0.4], [0.4, 0.4, 1.0]])).round(2).tolist()
    [0.5, 0.55, 0.35]
    """
    both = (shares + shares.T) / 2
    return np.asarray((both.sum(axis=1) - np.diag(both)) / (len(both) - 1))


def compute(encodings: Sequence[Encoding], seed: int) -> dict[str, float]:
    if any(encoding.config.condition is not None for encoding in encodings):
        raise UserError("model_centrality compares models that are told no label, but these are conditional")
    latents = [encoding.config.latent_dim for encoding in encodings]
    shares = np.stack(list(agreements([encoding.codec for encoding in encodings], latents, seed)), axis=1)
    found = {"model_centrality": shares, "model_centrality_kappa": above_chance(shares, latents)}
    return {key: float(np.median(model_centrality(each))) for key, each in found.items()}


def _codes(generator: Codec, encoders: Sequence[Codec], z: NDArray[np.float32]) -> list[Floats]:
    """What each encoder makes of the generator's pictures: means (N, D_i)."""
    parts: list[list[NDArray[np.float32]]] = [[] for _ in encoders]
    for start in range(0, len(z), CHUNK):
        pictures = generator.decode(z[start : start + CHUNK])
        for encoder, part in zip(encoders, parts, strict=True):
            part.append(encoder.encode(pictures)[0])
    codes = [np.concatenate(part).astype(np.float64) for part in parts]
    if not all(np.isfinite(each).all() for each in codes):
        raise UserError("codes must be finite, but those of at least one model are not: it has diverged")
    return codes


def _share(codes: Floats, held: NDArray[np.int64]) -> float:
    """How many votes name the latent that was held, by the other half's table; 0 for an encoder without an active latent."""
    spread = codes[:FREE].std(axis=0, ddof=1)
    active = spread >= ACTIVE
    if not active.any():
        return 0.0
    batches = (codes[FREE:, active] / spread[active]).reshape(len(held), WIDTH, -1)
    winner = batches.var(axis=1).argmin(axis=1)
    tables = np.zeros((2, held.max() + 1, batches.shape[2]), dtype=np.int64)
    half = np.arange(len(held)) // HALF
    np.add.at(tables, (half, held, winner), 1)
    return float(np.mean(tables.argmax(axis=1)[1 - half, winner] == held))
