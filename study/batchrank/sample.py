"""The pictures BatchRank draws from: a part of a data set, encoded once, and what can be odd about them.

Three kinds of subject:

    factor     one ground-truth factor (dSprites).  Orientation: hearts only, since squares repeat every 90° and
               ellipses every 180°, and the last index is the same picture as the first.
    class      the label (MNIST, CIFAR-10, labelled folders)
    low-level  damage instead of content: clean, blurred, inverted or foreign pictures (`lowlevel_dataset`)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from models.codec import Codec
from models.config import VAEConfig
from models.errors import UserError
from models.outlier_scores import Batch, Rows
from study.batchrank.cells import Ints, Role, Subject, pairs_of
from study.datasets import Dataset, Part
from study.evidence.encoding import Encoding, encode

__all__ = ["LOWLEVEL", "Sample", "lowlevel_dataset", "sample_of", "subjects"]

LOWLEVEL = "lowlevel"
VIEWS = ("clean", "blurred", "inverted", "foreign")
BLUR_SIGMA = 2.0
"""Standard deviation of the blur in pixels of a picture 64 wide; it scales with the width."""


@dataclass(frozen=True)
class Sample:
    """Encoded pictures of one data set and the subjects that it offers.  `digest` names the data in the batches' keys."""

    encoding: Encoding
    subjects: dict[str, Subject]
    digest: str = field(repr=False)

    def __len__(self) -> int:
        return len(self.encoding)

    def batch(self, rows: Rows, needs: tuple[str, ...] = ()) -> Batch:
        """The pictures at these positions as a score sees them."""
        e = self.encoding
        mu, logvar = e.mu[rows].astype(np.float64), e.logvar[rows].astype(np.float64)
        pixels = self.images(rows).reshape(len(rows), -1) / np.float32(255) if needs else None
        decoded = e.codec.decode(e.mu[rows]).reshape(len(rows), -1) if "reconstructions" in needs else None
        return Batch(mu, logvar, pixels, decoded)

    def images(self, rows: Rows) -> NDArray[np.uint8]:
        """The pictures at these positions, (n, C, H, W)."""
        return self.encoding.dataset.images[self.encoding.rows[rows]]


def sample_of(
    codec: Codec, config: VAEConfig, dataset: Dataset, role: Role, part: Part = "test", count: int = 40_000, seed: int = 0
) -> Sample:
    """Encode up to `count` pictures of a part.  Raises `UserError` for a data set without factors and labels."""
    if config.condition is not None:
        raise UserError("BatchRank ranks by content alone: a conditional model, which is told the label, cannot be measured")
    encoding = encode(codec, config, dataset, dataset.sample(part, count, seed), seed)
    return Sample(encoding, subjects(encoding, role), dataset.digest)


def subjects(encoding: Encoding, role: Role) -> dict[str, Subject]:
    """What can be odd in an encoded data set, by name, for one role.  Subjects without a pair in that role are left out."""
    dataset, rows = encoding.dataset, encoding.rows
    if dataset.factors is not None:
        columns = {
            name: _factor_values(dataset.factors[rows], dataset.factor_names, index)
            for index, name in enumerate(dataset.factor_names)
        }
    elif dataset.labels is not None:
        columns = {"class" if dataset.source != LOWLEVEL else LOWLEVEL: dataset.labels[rows]}
    else:
        raise UserError(f"BatchRank needs factors or labels to know what is odd, but {dataset.name} has neither")
    where = {name: index for index, name in enumerate(dataset.factor_names)}
    found = {n: Subject(n, values, _pairs(n, values, role), where.get(n)) for n, values in columns.items()}
    return {name: subject for name, subject in found.items() if subject.pairs}


def _pairs(name: str, values: Ints, role: Role) -> tuple[tuple[int, int], ...]:
    """Damage is always against clean pictures, and the same in both roles; everything else is split."""
    if name == LOWLEVEL:
        return tuple((0, int(view)) for view in np.unique(values) if view > 0)
    return pairs_of(values, role)


def _factor_values(factors: Ints, names: tuple[str, ...], index: int) -> Ints:
    values = factors[:, index].copy()
    if names[index] == "orientation" and "shape" in names:
        values[values == 39] = 0
        values[factors[:, names.index("shape")] != 2] = -1
    return values


@dataclass(frozen=True)
class _Damaged:
    """`Images` of which each row has one of four views of a base picture, or a picture of another data set."""

    base: Dataset
    foreign: Dataset | None
    rows: Ints
    views: Ints

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.base.image_shape

    def __len__(self) -> int:
        return len(self.rows)

    def stored(self) -> Iterator[NDArray[np.uint8]]:
        """Some hundred at a time, as `Images` promises."""
        for start in range(0, len(self), 500):
            yield self[np.arange(start, min(start + 500, len(self)))]

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        images = np.empty((len(rows), *self.image_shape), np.uint8)
        for view, name in enumerate(VIEWS):
            mine = np.flatnonzero(self.views[rows] == view)
            if len(mine):
                images[mine] = self._view(name, self.rows[rows][mine])
        return images

    def _view(self, name: str, rows: Ints) -> NDArray[np.uint8]:
        if name == "foreign":
            assert self.foreign is not None
            return _fitted(self.foreign.images[rows % len(self.foreign)], self.image_shape)
        images = self.base.images[rows]
        if name == "blurred":
            sigma = BLUR_SIGMA * self.image_shape[2] / 64
            blurred = scipy.ndimage.gaussian_filter(images.astype(np.float32), (0, 0, sigma, sigma))
            return np.asarray(blurred.round(), dtype=np.uint8)
        return 255 - images if name == "inverted" else images


def lowlevel_dataset(base: Dataset, foreign: Dataset | None, part: Part = "test", count: int = 4_000) -> Dataset:
    """A labelled data set of clean, blurred, inverted and (if given) foreign pictures, disjoint, equally many of each."""
    rows = base.sample(part, count, seed=1)
    views = np.random.default_rng(2).permutation(len(rows)) % (len(VIEWS) if foreign is not None else len(VIEWS) - 1)
    return replace(
        base,
        name=f"{base.name}, damaged",
        source=LOWLEVEL,
        digest=f"{base.digest}|{LOWLEVEL}",
        images=_Damaged(base, foreign, rows, views),
        parts={"train": np.arange(0), "validation": np.arange(0), "test": np.arange(len(rows))},
        factors=None,
        factor_names=(),
        factor_sizes=(),
        labels=views,
        label_names=VIEWS,
    )


def _fitted(images: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Pictures of another data set in this one's shape: grey where channels differ, resized bilinearly."""
    channels, height, width = shape
    x = images.astype(np.float32)
    if x.shape[1] != channels:
        x = np.repeat(x.mean(axis=1, keepdims=True), channels, axis=1)
    x = scipy.ndimage.zoom(x, (1, 1, height / x.shape[2], width / x.shape[3]), order=1, grid_mode=True, mode="nearest")
    return np.asarray(np.clip(x.round(), 0, 255), dtype=np.uint8)
