"""dSprites: the drawing against published pictures, the cache, the split, and what happens when a file is wrong.

`dsprites_frames.npz` holds the 258 different pictures of the animation that accompanies the published data set
(Matthey et al. 2017, Apache-2.0): `factors` (258, 5) and `bits` (258, 512).
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from study.datasets import PARTS, load_dataset
from study.datasets import _dsprites_drawing as drawing
from study.datasets import dsprites as plugin
from study.datasets._download import file_md5

FRAMES = Path(__file__).with_name("dsprites_frames.npz")
SPLIT_DIGEST = "c9f9003622c89abc0e371d31d3454b5275840abb5fe6f56da465d46900e9be0a"


@pytest.fixture
def drawn(dsprites):
    """The drawn set (a machine with the published file has nothing to draw)."""
    if dsprites.source != "drawn":
        pytest.skip("the published dSprites is in the data folder")
    return dsprites


@pytest.fixture
def empty(tmp_path):
    """An empty data folder whose 400 MB are gone after the test."""
    yield tmp_path / "data"
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def test_published_pictures_are_reproduced(dsprites):
    frames = np.load(FRAMES)
    rows = dsprites.grid.index_of(frames["factors"])
    wrong = np.bitwise_count(dsprites.images.bits[rows] ^ frames["bits"]).sum(axis=1)
    assert len(rows) == 258
    assert wrong.max() <= 2
    assert (wrong == 0).sum() >= 257


def test_scan_lines_agree_with_the_inequality(drawn):
    """The polygon filling against the definition, evaluated pixel by pixel, for random squares and ellipses."""
    rows = (
        drawn.grid.sample(300, np.random.default_rng(1), {"shape": 0}),
        drawn.grid.sample(300, np.random.default_rng(2), {"shape": 1}),
    )
    for row in np.concatenate(rows):
        factors = drawn.grid.factors_of(row)
        _, scale, angle, *position = drawn.grid.values_of(factors)
        y, x = np.mgrid[:64, :64] + 0.5
        dx, dy = x - 16 - 32 * position[0], y - 16 - 32 * position[1]
        u = (np.cos(angle) * dx - np.sin(angle) * dy) / scale
        v = (np.sin(angle) * dx + np.cos(angle) * dy) / scale
        radius = np.maximum(abs(u), abs(v)) / 9.598 if factors[0] == 0 else np.hypot(u / 12.766, v / 7.2135)
        sure = abs(radius - 1) > 1e-4  # the ellipse is a polygon of 512 corners
        assert ((drawn.images[row[None]][0, 0] > 0) == (radius < 1))[sure].all(), factors


def test_orientation_0_and_39_are_the_same_picture_in_the_same_part(dsprites):
    grid = dsprites.grid
    factors = grid.factors_of(grid.sample(2000, np.random.default_rng(0), {"orientation": 0}))
    other = factors + np.array([0, 0, 39, 0, 0])
    assert (dsprites.images[grid.index_of(factors)] == dsprites.images[grid.index_of(other)]).all()
    part = plugin.parts_of_cells()
    assert (part[grid.index_of(factors)] == part[grid.index_of(other)]).all()


def test_content(drawn):
    assert len(drawn) == 737_280
    assert drawn.image_shape == (1, 64, 64)
    assert drawn.factors.shape == (737_280, 5)
    assert drawn.factors.dtype == np.int64
    assert drawn.factors[-1].tolist() == [2, 5, 39, 31, 31]
    assert drawn.digest == "3bfcee336b640a3a8ac1be8100e35df3f1483887753137ba9647e23e80989e21"
    drawn.verify()


def test_published_split_never_changes(dsprites):
    """Anyone who names this split means exactly these cells."""
    assert {part: len(dsprites.parts[part]) for part in PARTS} == {"train": 590_258, "validation": 73_744, "test": 73_278}
    assert hashlib.sha256(plugin.parts_of_cells().tobytes()).hexdigest() == SPLIT_DIGEST


def test_every_factor_value_is_in_every_part(dsprites):
    for rows in dsprites.parts.values():
        shares = [np.bincount(column) / len(rows) for column in np.asarray(dsprites.factors)[rows].T]
        assert all(abs(share * len(share) - 1).max() < 0.1 for share in shares), "each value within 10 % of its share"


def test_a_damaged_cache_is_drawn_again_and_a_foreign_npz_is_refused(empty, drawn):
    folder = empty / "dsprites"
    folder.mkdir(parents=True)
    (folder / plugin.OFFICIAL).write_bytes(b"not a zip")
    with pytest.raises(UserError, match="is not the published file: MD5 7da33b31"):
        load_dataset("dsprites", data=empty)
    assert not (folder / "official").exists(), "nothing half-written"
    (folder / plugin.OFFICIAL).unlink()

    load_dataset("dsprites", data=empty)
    with (folder / "drawn" / "images.npy").open("r+b") as file:
        file.truncate(1000)
    again = load_dataset("dsprites", data=empty)
    assert again.digest == drawn.digest
    again.verify()


def test_two_processes_draw_once(empty):
    """Both open an empty folder at the same moment: one draws, the other waits, both see the same."""
    code = (
        "import sys, numpy as np; from study.datasets import load_dataset, _dsprites_drawing as drawing\n"
        "drawn = []; fill = drawing.draw_all\n"
        "drawing.draw_all = lambda: drawn.append(1) or fill()\n"
        f"d = load_dataset('dsprites', data={str(empty)!r}); print(d.digest, len(drawn))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120)[0].split() for process in started]
    assert answers[0][0] == answers[1][0]
    assert sorted(count for _, count in answers) == ["0", "1"]


def test_published_archive_is_unpacked_row_by_row(tmp_path, monkeypatch):
    """The reader of the published file, on an archive of the same layout with the first 2048 rows."""
    frames = np.unpackbits(np.load(FRAMES)["bits"], axis=1).reshape(-1, 64, 64)
    pictures = np.resize(frames, (2048, 64, 64))
    np.savez_compressed(tmp_path / "small.npz", imgs=pictures)
    with pytest.raises(UserError, match="imgs must be uint8"):
        list(plugin._packed(tmp_path / "small.npz"))
    monkeypatch.setattr(plugin, "GRID", plugin.FactorGrid(("row",), (2048,)))  # type: ignore[attr-defined]
    packed = np.concatenate(list(plugin._packed(tmp_path / "small.npz")))
    assert (np.unpackbits(packed, axis=1).reshape(-1, 64, 64) == pictures).all()


def test_an_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    def breaks():
        yield drawing.draw_positions(drawing.SHAPES["square"](), 1.0, 0.0)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawing, "draw_all", breaks)
    with pytest.raises(OSError, match="No space left"):
        load_dataset("dsprites", data=tmp_path)
    assert [path.name for path in (tmp_path / "dsprites").iterdir() if not path.name.endswith(".lock")] == []


def test_an_argument_is_refused():
    with pytest.raises(UserError, match="takes no argument"):
        load_dataset("dsprites:large")


@pytest.mark.slow
def test_the_published_file_is_downloaded_and_replaces_the_drawing(empty, drawn, tmp_path, monkeypatch):
    """With an archive of the published layout and full size, from a server on this machine."""
    archive = tmp_path / plugin.OFFICIAL
    _write_archive(archive, drawn)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("VAE_OFFLINE")
        monkeypatch.setattr(plugin, "OFFICIAL_URL", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(plugin, "OFFICIAL_MD5", file_md5(archive))
        dataset = load_dataset("dsprites", data=empty)
        server.shutdown()
    assert (dataset.source, dataset.notes) == ("official", ())
    assert dataset.digest == drawn.digest, "the archive holds the drawn pictures"
    assert not (empty / "dsprites" / "drawn").exists()
    assert load_dataset("dsprites", data=empty).source == "official"


def _write_archive(path, dataset):
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(dataset), 64, 64)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("imgs.npy", "w", force_zip64=True) as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        for rows in np.array_split(np.arange(len(dataset)), 360):
            file.write((dataset.images[rows] > 0).astype(np.uint8).data)
