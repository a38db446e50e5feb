"""dSprites (Matthey et al. 2017): 737,280 binary 64×64 pictures, one for each combination of five factors.

    shape        square, ellipse, heart         3
    scale        0.5 … 1                        6
    orientation  0 … 2π, both ends in          40     index 0 and 39 are the same picture
    pos_x        0 … 1                         32
    pos_y        0 … 1                         32     the last factor varies fastest

The published file is used where it is in the data folder or can be downloaded; otherwise the grid is drawn from its
geometry (`_dsprites_drawing`: 257 of 258 published pictures come out equal).  `source` says which: "official" or "drawn".
A drawn set stays in use until the published file is put beside it, so that a study does not change its data half-way.

The split is published with the data set: the part of a cell is a fixed hash of its row number (`parts_of_cells`), so it
needs no file, no seed and no order of drawing.  At 64×64 pixels, some small squares and ellipses look the same at two
orientations: of the drawn set's 73,744 validation and 73,278 test pictures, 523 and 452 (0.7 % and 0.6 %) equal a training
picture of another orientation.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from registry.console import progress
from study.datasets import _dsprites_drawing as drawing
from study.datasets._cache import open_array, prepared, save_chunks
from study.datasets._cached import refuse_argument
from study.datasets._dataset import PARTS, Dataset, PackedImages, content_digest
from study.datasets._download import DownloadError, download, file_md5
from study.datasets._factor_grid import FactorGrid

__all__ = ["GRID", "load", "parts_of_cells"]

OFFICIAL = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
OFFICIAL_URL = f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{OFFICIAL}"
OFFICIAL_MD5 = "7da33b31b13a06f4b04a70402ce90c2e"  # as the field's loaders name it

IMAGE_SHAPE = (1, 64, 64)
BYTES = 64 * 64 // 8  # of one picture, packed to bits

GRID = FactorGrid(
    names=("shape", "scale", "orientation", "pos_x", "pos_y"),
    sizes=(3, 6, 40, 32, 32),
    values=(np.arange(3.0), drawing.SCALES, drawing.ROTATIONS, drawing.POSITIONS, drawing.POSITIONS),
)
"""Values: shape as an index, scale as a factor, orientation in radians, position as a fraction of the free way."""


def load(data: Path, argument: str | None) -> Dataset:
    """The data set, from `data/dsprites/`: made the first time (seconds), opened after that (milliseconds).

    Raises `UserError` when a file with the published name is not the published file.
    """
    refuse_argument("dsprites", argument)
    folder = data / "dsprites"
    official, reason = _official_file(data), ""
    if official is None and not (folder / "drawn").exists():
        try:
            official = download(OFFICIAL_URL, folder / OFFICIAL, OFFICIAL_MD5)
        except DownloadError as error:
            reason = f" ({error})"
    if official is not None:
        key = {"md5": OFFICIAL_MD5}
        return _open(folder / "official", key, partial(_unpack_official, official), "official")
    note = f"dSprites is drawn from its geometry{reason}; to use the published pictures put {OFFICIAL} into {folder}"
    return _open(folder / "drawn", {"geometry": drawing.GEOMETRY}, _draw, "drawn", note)


def parts_of_cells() -> NDArray[np.int8]:
    """The part of every cell: 0 train (80 %), 1 validation (10 %), 2 test (10 %).

    The row number goes through the finaliser of SplitMix64 (Steele, Lea, Flood 2014) and becomes a fraction in [0, 1):
    below 0.8 is train, below 0.9 validation, the rest test.  Orientation 39 gets the part of orientation 0, because it is
    the same picture.
    """
    factors = GRID.factors_of(np.arange(len(GRID)))
    factors[factors[:, 2] == 39, 2] = 0
    bits = GRID.index_of(factors).astype(np.uint64)
    bits += np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    fraction = ((bits ^ (bits >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
    return np.searchsorted([0.8, 0.9], fraction, side="right").astype(np.int8)


def _official_file(data: Path) -> Path | None:
    candidates = (data / "dsprites" / OFFICIAL, data / OFFICIAL)
    return next((path for path in candidates if path.exists()), None)


def _open(folder: Path, key: dict[str, Any], fill: Callable[[Path], None], source: str, *notes: str) -> Dataset:
    def build(place: Path) -> dict[str, Any]:
        fill(place / "images.npy")
        np.save(place / "factors.npy", GRID.factors_of(np.arange(len(GRID))))
        images = PackedImages(open_array(place / "images.npy"), IMAGE_SHAPE)
        return {"digest": content_digest(images, open_array(place / "factors.npy"))}

    facts = prepared(folder, key, build)
    part = parts_of_cells()
    return Dataset(
        name="dsprites",
        source=source,
        digest=facts["digest"],
        images=PackedImages(open_array(folder / "images.npy"), IMAGE_SHAPE),
        parts={name: np.flatnonzero(part == number) for number, name in enumerate(PARTS)},
        factors=open_array(folder / "factors.npy"),
        factor_names=GRID.names,
        factor_sizes=GRID.sizes,
        grid=GRID,
        notes=notes,
    )


def _draw(target: Path) -> None:
    chunks = progress(drawing.draw_all(), len(GRID) // drawing.CELLS_AT_ONCE, "drawing dSprites")
    save_chunks(target, (BYTES,), chunks)


def _unpack_official(archive: Path, target: Path) -> None:
    if (found := file_md5(archive)) != OFFICIAL_MD5:
        raise UserError(f"{archive} is not the published file: MD5 {OFFICIAL_MD5} must hold, but got {found}; remove it")
    save_chunks(target, (BYTES,), progress(_packed(archive), 720, "unpacking dSprites"))


def _packed(archive: Path, rows: int = 1024) -> Iterator[NDArray[np.uint8]]:
    """The pictures of the published file, packed to bits, `rows` at a time (the array as a whole has 3 GB)."""
    with zipfile.ZipFile(archive) as files, files.open("imgs.npy") as stream:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != (len(GRID), 64, 64) or dtype != np.uint8:
            raise UserError(f"imgs must be uint8 ({len(GRID)}, 64, 64), but {archive} has {dtype} {shape}")
        for _ in range(len(GRID) // rows):
            block = np.frombuffer(stream.read(rows * 64 * 64), dtype=np.uint8)
            yield np.packbits(block.reshape(rows, 64 * 64), axis=1)
