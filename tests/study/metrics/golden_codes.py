"""Three synthetic representations of the whole dSprites factor grid, for which disentanglement_lib's values are recorded.

    aligned   five latents each follow one factor, with a little noise; five are noise
    mixed     ten squashed random mixtures of all five factors, with noise
    partial   position is aligned, scale sits in two latents, shape and orientation mix; three latents are dead

Each is (737280, 10) float64, one row a cell of the grid, the last factor varying fastest.  The values in
`golden_metrics.json` are of the published code on the rows `POINTS`, with their digests (rounded to 1e-6, so that another
CPU's last bit does not matter).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

SIZES = (3, 6, 40, 32, 32)
CELLS = int(np.prod(SIZES))
NAMES = ("aligned", "mixed", "partial")
GOLDEN = json.loads(Path(__file__).with_name("golden_metrics.json").read_text())


def grid_factors() -> np.ndarray:
    """(737280, 5) int64."""
    return np.indices(SIZES).reshape(len(SIZES), -1).T


def grid_codes(name: str) -> np.ndarray:
    """The representation of that name, (737280, 10) float64."""
    factors = grid_factors().astype(np.float64)
    standard = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    rng = np.random.default_rng(11 + NAMES.index(name))
    if name == "mixed":
        weights = rng.standard_normal((5, 10))
        return np.tanh(0.6 * standard @ weights) + 0.1 * rng.standard_normal((CELLS, 10))
    noise = rng.standard_normal((CELLS, 10))
    if name == "aligned":
        return 0.05 * noise + np.pad(standard, ((0, 0), (0, 5)))
    shape, scale, orientation, x, y = standard.T
    signal = np.stack([x, y, scale, scale, shape + orientation, shape - orientation, orientation**2], axis=1)
    return np.concatenate([signal + 0.2 * noise[:, :7], 0.001 * noise[:, 7:]], axis=1)


def protocol_rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of 10,000 train and 5,000 test points, drawn with replacement."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, CELLS, 10_000), rng.integers(0, CELLS, 5_000)


def digest(array: np.ndarray) -> str:
    """sha256 of an array rounded to 1e-6."""
    rounded = np.round(array * 1e6).astype("<i8")
    return hashlib.sha256(rounded.tobytes()).hexdigest()
