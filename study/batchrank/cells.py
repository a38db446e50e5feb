"""Which batches BatchRank draws: a subject that says what is odd, a size, a number of odd pictures, and a counter.

A *subject* is one integer column over the sample's pictures (a class label, a dSprites factor, a kind of damage): the
pictures of the majority share one value a, the odd ones have another value b, everything else varies freely.  Odd pictures
are *clustered* (all the same b) or *scattered* (each its own b).

Context swap: a clustered batch always comes with its twin, in which b is the majority and a is odd.  A score that looks at
each picture alone orders a against b the same way both times, so its mean AUROC over twins is ½, whatever the data; so it is
for scattered batches, because (a, b) is drawn as often as (b, a).  What exceeds ½ is knowledge of the batch.

Batches come from Philox, keyed by a digest of (data set, cell, index): batch 17 of a cell is the same in every run, for
every model, in any order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

__all__ = ["Cell", "Drawn", "Role", "Subject", "draw", "pairs_of"]

Role = Literal["development", "report"]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Subject:
    """What makes a picture odd.

    values   (N,) of the sample's pictures; negative: this picture takes no part
    pairs    unordered pairs (a, b) of values that may meet in a batch
    factor   column of the data set's factors that it is, or None
    """

    name: str
    values: Ints
    pairs: tuple[tuple[int, int], ...]
    factor: int | None = None

    def smallest_pool(self) -> int:
        """Pictures of the rarest value: no batch can have a larger majority."""
        used = {value for pair in self.pairs for value in pair}
        return min((int((self.values == value).sum()) for value in used), default=0)


@dataclass(frozen=True)
class Cell:
    """One line of the benchmark: `odd` odd pictures among `n`; odd = 0 has nothing to find (a false-alarm cell)."""

    subject: str
    n: int
    odd: int
    scattered: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.odd <= self.n // 2:
            raise UserError(f"0 <= odd <= n/2 must hold, but got odd={self.odd}, n={self.n}")

    @property
    def name(self) -> str:
        """For example `scale n=64 odd=6`."""
        return f"{self.subject} n={self.n} odd={self.odd}{' scattered' if self.scattered else ''}"


@dataclass(frozen=True)
class Drawn:
    """One batch: positions in the sample (n,), in random order, and which of them are odd (n,)."""

    rows: Ints
    odd: NDArray[np.bool_]


def pairs_of(values: Ints, role: Role) -> tuple[tuple[int, int], ...]:
    """The unordered pairs of values of one role: a + b divisible by 3 is development, the other two thirds are reported.

    What is chosen by looking at development cells is never reported on the same contexts.

    >>> pairs_of(np.arange(3), "development"), pairs_of(np.arange(3), "report")
    (((1, 2),), ((0, 1), (0, 2)))
    """
    used = np.unique(values[values >= 0]).tolist()
    pairs = [(a, b) for i, a in enumerate(used) for b in used[i + 1 :]]
    return tuple(pair for pair in pairs if (sum(pair) % 3 == 0) == (role == "development"))


def draw(subject: Subject, cell: Cell, digest: str, index: int) -> list[Drawn]:
    """Batch number `index` of a cell: a twin pair for clustered odd pictures, else a single batch.

    digest: of the data set.  Raises `UserError` when a value has too few pictures.
    """
    generator = _generator(digest, cell.name, index)
    first = subject.pairs[generator.integers(len(subject.pairs))]
    a, b = first if generator.integers(2) else first[::-1]
    if cell.odd == 0:
        return [_batch(generator, subject, cell, a, [])]
    if cell.scattered:
        partners = [sum(pair) - a for pair in subject.pairs if a in pair]
        others = [b, *generator.choice(partners, cell.odd - 1).tolist()]
        return [_batch(generator, subject, cell, a, others)]
    return [_batch(generator, subject, cell, major, [minor] * cell.odd) for major, minor in ((a, b), (b, a))]


def _batch(generator: np.random.Generator, subject: Subject, cell: Cell, majority: int, others: list[int]) -> Drawn:
    parts = [_pick(generator, subject, majority, cell.n - cell.odd)]
    parts += [_pick(generator, subject, value, others.count(value)) for value in dict.fromkeys(others)]
    rows = np.concatenate(parts)
    order = generator.permutation(len(rows))
    return Drawn(rows[order], (np.arange(len(rows)) >= cell.n - cell.odd)[order])


def _pick(generator: np.random.Generator, subject: Subject, value: int, count: int) -> Ints:
    pool = np.flatnonzero(subject.values == value)
    if count > len(pool):
        raise UserError(f"subject {subject.name}: {count} pictures of value {value} are needed, but there are {len(pool)}")
    return generator.choice(pool, count, replace=False, shuffle=False)


def _generator(digest: str, cell: str, index: int) -> np.random.Generator:
    key = hashlib.blake2b(f"{digest}|{cell}|{index}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))
