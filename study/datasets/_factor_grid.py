"""The grid of all combinations of ground-truth factors, for data sets that hold every combination once (dSprites).

Row r and factor values (v₁ … v_F) are two names of one picture; the last factor varies fastest ("C order"):

    r = ((v₁·n₂ + v₂)·n₃ + v₃)·…      with n_f = sizes[f]

>>> grid = FactorGrid(("shape", "scale"), (3, 6))
>>> int(grid.index_of([2, 1])), grid.factors_of(13).tolist()
(13, [2, 1])
>>> grid.sweep("scale", at=12).tolist()
[12, 13, 14, 15, 16, 17]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import UserError, unknown

__all__ = ["FactorGrid"]


@dataclass(frozen=True)
class FactorGrid:
    """F factors with `sizes[f]` values each; every combination is one row.

    values   the physical value of every index, one array (sizes[f],) a factor, in the unit its data set documents;
             empty where an index is all there is
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[NDArray[np.float64], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        assert len(self.names) == len(self.sizes), (self.names, self.sizes)
        assert not self.values or tuple(map(len, self.values)) == self.sizes, "one value an index"

    def __len__(self) -> int:
        """The number of combinations."""
        return math.prod(self.sizes)

    def factors_of(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Factor indices (…, F) of rows (…).  Raises `UserError` for a row outside the grid."""
        rows = np.asarray(rows)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise UserError(f"0 <= row < {len(self)} must hold, but got rows {rows.min()}..{rows.max()}")
        return np.stack(np.unravel_index(rows, self.sizes), axis=-1).astype(np.int64)

    def index_of(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Rows (…) of factor indices (…, F).  Raises `UserError` for an index outside the grid."""
        factors = np.asarray(factors)
        if factors.shape[-1:] != (len(self.sizes),):
            raise UserError(f"factors must end in {len(self.sizes)} entries {self.names}, but got shape {factors.shape}")
        if ((factors < 0) | (factors >= np.array(self.sizes))).any():
            raise UserError(f"0 <= factor < size must hold for sizes {self.sizes}, but got {_first_outside(factors, self.sizes)}")
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(factors, -1, 0)), self.sizes), dtype=np.int64)

    def values_of(self, factors: ArrayLike) -> NDArray[np.float64]:
        """Physical values (…, F) of factor indices (…, F); the indices themselves where the grid has no values."""
        factors = self.factors_of(self.index_of(factors))
        if not self.values:
            return factors.astype(np.float64)
        return np.stack([values[factors[..., f]] for f, values in enumerate(self.values)], axis=-1)

    def sample(self, count: int, rng: np.random.Generator, fixed: Mapping[str, int] | None = None) -> NDArray[np.int64]:
        """`count` rows, independently and uniformly among those whose factors named in `fixed` have that index.

        >>> grid = FactorGrid(("shape", "scale"), (3, 6))
        >>> grid.factors_of(grid.sample(50, np.random.default_rng(0), {"shape": 2}))[:, 0].tolist() == [2] * 50
        True
        """
        factors = rng.integers(0, self.sizes, size=(count, len(self.sizes)))
        for name, value in (fixed or {}).items():
            factors[:, self.position(name)] = value
        return self.index_of(factors)

    def sweep(self, name: str, at: int = 0) -> NDArray[np.int64]:
        """Rows that differ from row `at` in one factor only, which takes each of its values in turn."""
        axis = self.position(name)
        factors = np.repeat(self.factors_of(at)[None], self.sizes[axis], axis=0)
        factors[:, axis] = np.arange(self.sizes[axis])
        return self.index_of(factors)

    def position(self, name: str) -> int:
        """The column of a factor.  Raises `UserError` that lists the names."""
        if name not in self.names:
            raise unknown("factor", name, self.names)
        return self.names.index(name)


def _first_outside(factors: NDArray[np.integer], sizes: tuple[int, ...]) -> list[int]:
    flat = factors.reshape(-1, len(sizes))
    outside = ((flat < 0) | (flat >= np.array(sizes))).any(axis=1)
    return [int(value) for value in flat[outside][0]]
