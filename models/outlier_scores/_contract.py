"""How odd is each picture in the context of its batch: the contract of every file in `models/outlier_scores/`.

A score sees a batch of n pictures through a frozen VAE: the posteriors q(z|x) = N(mu, diag exp logvar) of all of them and,
if it asks, their pixels and reconstructions.  It gives one number a picture, higher = odder (scikit-learn's sign is the
reverse).  What is odd depends on the rest of the batch: a zero among sevens and a seven among zeros are both odd.

The context is a list of row numbers of the batch, by default all rows once.  Resampled rows (some twice, some never) show
how firmly a rank is known; rows of a clean reference set make the score answer "odd compared with those".  A picture never
counts as its own neighbour.

Suffixes: n pictures of the batch, m rows of the context, D latents, P pixel values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.plugins import Plugins

__all__ = [
    "DEFAULT_SCORE",
    "SCORES",
    "Batch",
    "Floats",
    "Plugin",
    "Rows",
    "Scores",
    "canonical_order",
    "is_linear",
    "needs",
    "score_batch",
]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Array = NDArray[Any] | None

DEFAULT_SCORE = "contrast"
"""Chosen on BatchRank's development cells (other contexts, sizes and pictures than the reported ones)."""

SCORES = Plugins("models.outlier_scores", kind="outlier score")


@dataclass(frozen=True)
class Batch:
    """The pictures as the model sees them.

    mu, logvar        (n, D) of q(z|x)
    pixels            (n, P) in [0, 1], or None where no score asks for them
    reconstructions   (n, P) in [0, 1], the decoder's pixel means at z = mu, or None
    """

    mu: Floats
    logvar: Floats
    pixels: NDArray[np.floating] | None = None
    reconstructions: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.mu)

    @property
    def variance(self) -> Floats:
        """σ² of q(z|x), (n, D)."""
        return np.exp(self.logvar)

    def take(self, rows: Rows) -> Batch:
        """The pictures `rows`, in that order."""
        pixels = None if self.pixels is None else self.pixels[rows]
        reconstructions = None if self.reconstructions is None else self.reconstructions[rows]
        return Batch(self.mu[rows], self.logvar[rows], pixels, reconstructions)

    def replaced(self, row: int, other: Batch) -> Batch:
        """The same batch with the one picture of `other` in place of picture number `row`."""

        def swapped(mine: Array, new: Array) -> Array:
            if mine is None or new is None:
                return None
            copy = mine.copy()
            copy[row] = new[0]
            return copy

        mu, logvar = swapped(self.mu, other.mu), swapped(self.logvar, other.logvar)
        assert mu is not None and logvar is not None
        return Batch(mu, logvar, swapped(self.pixels, other.pixels), swapped(self.reconstructions, other.reconstructions))


@dataclass(frozen=True)
class Scores:
    """values (n,), higher = odder.  An additive score also says what it is made of: values = parts.sum(1) + rest.

    parts   (n, D), the contribution of each latent, or None
    rest    (n,), what is not in the latents (a reconstruction term); zero for scores of the latents alone
    alone   (n, D), how unusual each latent is by itself, where parts share what correlated latents say together, or None
    """

    values: Floats
    parts: Floats | None = None
    rest: Floats | None = None
    alone: Floats | None = None

    @classmethod
    def additive(cls, parts: Floats, rest: Floats | None = None, alone: Floats | None = None) -> Scores:
        """The score that is the sum of its parts."""
        rest = np.zeros(len(parts)) if rest is None else rest
        return cls(parts.sum(axis=1) + rest, parts, rest, alone)

    @property
    def naming(self) -> Floats | None:
        """(n, D), by which the latent of a picture is named: the largest is the reason."""
        return self.parts if self.alone is None else self.alone

    def take(self, rows: Rows) -> Scores:
        """The scores of the pictures `rows`, in that order."""
        parts, rest, alone = (None if array is None else array[rows] for array in (self.parts, self.rest, self.alone))
        return Scores(self.values[rows], parts, rest, alone)


class Plugin(Protocol):
    """A module of `models.outlier_scores`.

    NEEDS     what the score reads beside the latents: any of "pixels", "reconstructions"
    CONTEXT   False for a score that looks at each picture alone (a baseline: it cannot know what the batch is about)
    COST      "linear" in the number of pictures; "pairs" for one that compares all pairs, fits a forest or reads pixels
    """

    NEEDS: tuple[Literal["pixels", "reconstructions"], ...]
    CONTEXT: bool
    COST: Literal["linear", "pairs"]

    def score(self, batch: Batch, context: Rows) -> Scores: ...


def needs(name: str) -> tuple[str, ...]:
    """What the score `name` reads beside the latents.  Raises `UserError` for an unknown score."""
    return cast(Plugin, SCORES.load(name)).NEEDS


def is_linear(name: str) -> bool:
    """Whether the score `name` takes time in proportion to the batch.  Raises `UserError` for an unknown score."""
    return cast(Plugin, SCORES.load(name)).COST == "linear"


def score_batch(name: str, batch: Batch, context: Rows | None = None) -> Scores:
    """The scores of all pictures of the batch, each against the context (default: the whole batch).

    >>> mu = np.array([[0.0], [0.1], [-0.1], [0.0], [3.0]])
    >>> score_batch("robust_z", Batch(mu, np.full_like(mu, -4.0))).values.argmax()
    np.int64(4)

    Raises `UserError` for an unknown score, a context of fewer than 2 pictures, posteriors that are not finite, or a batch
    without the pixels or reconstructions that the score needs.
    """
    plugin = cast(Plugin, SCORES.load(name))
    rows = np.arange(len(batch)) if context is None else np.asarray(context, dtype=np.int64)
    _check(name, plugin, batch, rows)
    scores = plugin.score(batch, rows)
    assert scores.values.shape == (len(batch),) and np.isfinite(scores.values).all(), name
    return scores


def canonical_order(values: Floats) -> Rows:
    """An order of the rows that depends only on their content.

    Methods that draw random subsets (isolation forest, MCD) see the rows in this order, so that permuting a batch permutes
    its ranking and nothing else.
    """
    return np.lexsort(values.T[::-1])


def _check(name: str, plugin: Plugin, batch: Batch, context: Rows) -> None:
    if len(np.unique(context)) < 2:
        raise UserError(f"a context needs at least 2 pictures, but got {len(np.unique(context))}")
    if not (np.isfinite(batch.mu).all() and np.isfinite(batch.logvar).all()):
        raise UserError("posteriors must be finite, but the model's mu or logvar has NaN or infinite entries")
    missing = [need for need in plugin.NEEDS if getattr(batch, need) is None]
    if missing:
        raise UserError(f"score {name} needs {' and '.join(missing)} of the batch, but got only posteriors")
