"""New pictures from a batch's own part of the latent space.

The batch as a distribution over latents is its aggregate posterior (1/n) Σ q(z|xᵢ).  Sampling it gives pictures that could
have been members; walking between members and moving one along a latent shows what the model thinks lies between
and beside them.  Every function returns pictures, float in [0, 1], (k, C, H, W).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec
from models.errors import UserError
from models.outlier_scores import Batch, Floats, Rows
from models.posterior import draw

__all__ = ["latent_range", "move", "sample_batch", "walk"]

Pictures = NDArray[np.float32]


def sample_batch(codec: Codec, batch: Batch, count: int, seed: int = 0, members: Rows | None = None) -> Pictures:
    """`count` new pictures: a member at random (of `members`, default all), a z of its posterior, decoded."""
    if count < 1:
        raise UserError(f"count >= 1 must hold, but got count={count}")
    generator = np.random.default_rng(seed)
    rows = generator.choice(np.arange(len(batch)) if members is None else members, count)
    noise = generator.standard_normal((count, batch.mu.shape[1]))
    return codec.decode(draw(batch.mu[rows], batch.logvar[rows], noise).astype(np.float32))


def walk(codec: Codec, batch: Batch, start: int, stop: int, steps: int = 9) -> Pictures:
    """From member number `start` to member number `stop`, straight, both ends included."""
    if steps < 2:
        raise UserError(f"steps >= 2 must hold, but got steps={steps}")
    for member in (start, stop):
        _check_member(batch, member)
    share = np.linspace(0, 1, steps)[:, None]
    return codec.decode(((1 - share) * batch.mu[start] + share * batch.mu[stop]).astype(np.float32))


def latent_range(batch: Batch, latent: int, steps: int = 9) -> Floats:
    """`steps` values from the 5 % to the 95 % quantile of the batch in one latent."""
    low, high = np.quantile(batch.mu[:, latent], (0.05, 0.95))
    return np.linspace(low, high, steps)


def move(codec: Codec, batch: Batch, member: int, latent: int, values: Floats | None = None) -> Pictures:
    """Member number `member` with one latent set to each of `values` (default: the batch's own range)."""
    _check_member(batch, member)
    if not 0 <= latent < batch.mu.shape[1]:
        raise UserError(f"0 <= latent < {batch.mu.shape[1]} must hold, but got latent={latent}")
    values = latent_range(batch, latent) if values is None else np.atleast_1d(values)
    z = np.repeat(batch.mu[[member]], len(values), axis=0)
    z[:, latent] = values
    return codec.decode(z.astype(np.float32))


def _check_member(batch: Batch, member: int) -> None:
    if not 0 <= member < len(batch):
        raise UserError(f"0 <= member < {len(batch)} must hold, but got member={member}")
