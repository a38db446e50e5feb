"""A flipped bit, a lost file: noticed at load and by `verify`, always."""

from __future__ import annotations

import random
import shutil

import pytest

from registry import load
from registry.errors import DamagedError
from tests.registry.helpers import publish


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(data)


def places(folder, count, seed=0):
    """`count` (file, bit): at least 50 in every file, the rest by size."""
    rng = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    weights = [path.stat().st_size for path in files]
    chosen = [path for path in files for _ in range(50)]
    chosen += rng.choices(files, weights, k=count - len(chosen))
    return [(path, rng.randrange(8 * path.stat().st_size)) for path in chosen]


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_each_of_many_bit_flips_is_an_error_at_load(store, count):
    version = store.resolve("tiny")
    chosen = places(version.folder, count)
    assert len(chosen) == count and len({path.name for path, _ in chosen}) == 6
    detected = 0
    for path, bit in chosen:
        flip(path, bit)
        with pytest.raises(DamagedError, match="damaged"):
            load("tiny", registry=store.root)
        detected += 1
        flip(path, bit)
    assert detected == count
    load("tiny", registry=store.root)


def test_verify_names_every_flipped_file(store):
    version = store.resolve("tiny")
    for path in sorted(path for path in version.folder.rglob("*") if path.is_file()):
        flip(path, 77)
        findings = store.verify()
        assert [(found.name, found.version) for found in findings] == [("tiny", 1)]
        assert path.name in findings[0].problem
        assert store.verify("labelled") == [] and store.verify("tiny@1") == findings
        flip(path, 77)
    assert store.verify() == []


@pytest.mark.parametrize("every", [53, pytest.param(13, marks=pytest.mark.slow)])
def test_a_flipped_log_entry_is_noticed_and_hides_no_version(store, every):
    store.set_alias("tiny", 1, "champion")
    record = store.root / "models" / "tiny" / "log" / "1" / "record"
    for bit in range(0, 8 * record.stat().st_size, every):
        flip(record, bit)
        with pytest.raises(DamagedError):
            store.resolve("tiny@champion")
        assert [found.version for found in store.verify()] == [None]
        assert load("tiny", 1, registry=store.root).name == "tiny@1"
        flip(record, bit)
    assert store.aliases("tiny") == {"champion": 1}


@pytest.mark.parametrize("file", ["encoder.onnx", "manifest.json", "published", "pictures/reconstruction.png"])
def test_a_missing_file_is_damage(store, file):
    (store.resolve("tiny").folder / file).unlink()
    with pytest.raises(DamagedError, match="damaged"):
        load("tiny", registry=store.root)
    assert len(store.verify()) == 1


def test_swapped_files_are_damage(store):
    folder = store.resolve("tiny").folder
    shutil.copy(folder / "decoder.onnx", folder / "encoder.onnx")
    with pytest.raises(DamagedError, match=r"encoder\.onnx"):
        load("tiny", registry=store.root)


def test_a_file_too_many_and_a_lost_version_are_found(store):
    publish(store, "tiny")
    publish(store, "tiny")
    (store.resolve("tiny", 1).folder / "extra.bin").write_bytes(b"?")
    shutil.rmtree(store.resolve("tiny", 2).folder)
    assert [found.problem for found in store.verify()] == [
        "tiny@1 has a file that was not published: extra.bin",
        "tiny@2 is missing",
    ]
