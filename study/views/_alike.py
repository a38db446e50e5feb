"""Which pictures are the same, or nearly: copies that were saved again, resized, or changed by a grey level here and there.

Two pictures are nearly the same where all of these hold of them as they are compared:

    coarse   the root mean square difference of their 8×8 cells is at most a tenth of what is usual between a picture of the
             folder and its 10 nearest: a copy is far nearer than pictures of this folder are
    local    no 3×3 pixels differ by more than 16 grey levels of 255 on average: nothing was added, moved or taken away
    whole    the root mean square difference is at most .2 of the picture's own standard deviation

Measured: `analysis/results`.  A sprite that is one pixel farther down differs by 28 grey levels somewhere.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from models.outlier_scores import Rows
from study.datasets import Images
from study.views._blocks import in_blocks
from study.views._nearest import K, compared

__all__ = ["alike", "equal"]

CELLS = 8
COARSE, LOCAL, WHOLE = 0.1, 16.0, 0.2
CHUNK = 256


def equal(images: Images) -> Rows:
    """For each picture the first one with the same pixels, (n,)."""
    first: dict[bytes, int] = {}
    found = []
    for start in range(0, len(images), CHUNK):
        for row, picture in enumerate(images[np.arange(start, min(start + CHUNK, len(images)))], start=start):
            digest = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()
            found.append(first.setdefault(digest, row))
    return np.array(found, dtype=np.int64)


def alike(images: Images) -> Rows:
    """For each picture the first one that is the same or nearly so, (n,).  `alike(images)[first]` is `first`."""
    same = equal(images)
    rows = np.unique(same)
    return rows[_nearly(images, rows)][np.searchsorted(rows, same)]


def _nearly(images: Images, rows: Rows) -> Rows:
    """For each of the u different pictures the number of the first that is nearly the same, (u,)."""
    leader = np.arange(len(rows))
    if len(rows) < 3:
        return leader
    cells = _cells(images, rows)
    look = compared(cells, leader, K, shown=K)
    assert look.nearest is not None
    a, b = np.repeat(leader, look.nearest.shape[1]), look.nearest.ravel()
    limit = COARSE * float(np.median(look.distances))
    close = np.sqrt(((cells[a] - cells[b]) ** 2).sum(axis=1)) <= limit
    leader = _joined(images, rows, leader, a[close], b[close])
    heads = np.flatnonzero(np.bincount(leader, minlength=len(rows)) > 1)  # of many copies, each has its own ten nearest
    pairs = heads[cKDTree(cells[heads]).query_pairs(limit, output_type="ndarray")] if len(heads) else np.empty((0, 2), np.int64)
    return _joined(images, rows, leader, pairs[:, 0], pairs[:, 1])


def _joined(images: Images, rows: Rows, leader: Rows, a: Rows, b: Rows) -> Rows:
    """The leaders after pairs (a, b) were looked at.  Who is not nearly the same as its first picture stays alone."""
    if len(a) == 0:
        return leader
    same = _same(images, rows[a], rows[b])
    n = len(rows)
    pairs = np.concatenate([a[same], np.arange(n)]), np.concatenate([b[same], leader])
    group = connected_components(coo_array((np.ones(len(pairs[0])), pairs), shape=(n, n)), directed=False)[1]
    first = np.full(n, n)
    np.minimum.at(first, group, np.arange(n))
    found = first[group]
    later = np.flatnonzero(found != np.arange(n))
    found[later] = np.where(_same(images, rows[later], rows[found[later]]), found[later], later)
    return np.asarray(found)


def _same(images: Images, a: Rows, b: Rows) -> NDArray[np.bool_]:
    """Whether pictures a and b differ by little everywhere and on the whole, (pairs,)."""
    found = np.empty(len(a), bool)

    def look(pairs: Rows) -> None:
        x = images[a[pairs]].astype(np.float32)
        difference = x - images[b[pairs]]
        local = np.abs(uniform_filter(difference, 3, mode="nearest", axes=(2, 3))).max(axis=(1, 2, 3))
        whole = np.sqrt((difference**2).mean(axis=(1, 2, 3)))
        found[pairs] = (local <= LOCAL) & (whole <= WHOLE * x.std(axis=(1, 2, 3)))

    in_blocks(len(a), CHUNK, look)
    return found


def _cells(images: Images, rows: Rows) -> NDArray[np.float32]:
    """Mean grey levels of at most 8×8 cells, around their mean over the pictures, (u, F)."""
    channels, height, width = images.image_shape
    down, across = (np.linspace(0, side, min(CELLS, side) + 1).astype(int) for side in (height, width))
    found = np.empty((len(rows), channels, len(down) - 1, len(across) - 1), np.float32)
    sizes = (np.diff(down)[:, None] * np.diff(across)).astype(np.float32)

    def fill(some: Rows) -> None:
        x = images[rows[some]].astype(np.float32)
        found[some] = np.add.reduceat(np.add.reduceat(x, down[:-1], axis=2), across[:-1], axis=3) / sizes

    in_blocks(len(rows), CHUNK, fill)
    return np.asarray((found - found.mean(axis=0)).reshape(len(rows), -1))
