"""Bundles travel with their digest; archives that were made to harm are refused, and nothing is changed."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from registry import load
from registry.bundle import bundle_bytes, export_bundle, import_bundle
from registry.disk import sha256
from registry.errors import DamagedError, NotFoundError, RegistryError, UnsafeError
from registry.exports import export
from registry.store import Store
from tests.registry.helpers import images, snapshot

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def bundle(published, tmp_path):
    path = tmp_path / "tiny.tar"
    export_bundle(published.resolve("tiny"), path)
    return path


def rewrite(path, change):
    """The archive again, after `change(entries)`, entries being a list of (TarInfo, bytes)."""
    with tarfile.open(path) as archive:
        entries = [(entry, archive.extractfile(entry).read()) for entry in archive]
    with tarfile.open(path, "w") as archive:
        for entry, data in change(entries):
            if entry.isreg():
                entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def entry(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def test_an_import_has_the_same_digest_and_the_same_outputs(published, bundle, empty):
    original = published.resolve("tiny")
    version = import_bundle(empty, bundle)
    assert (version.name, version.number, version.digest) == ("tiny", 1, original.digest)
    assert version.read() == original.read() and empty.verify() == []
    mu, _ = load("tiny", registry=empty.root).encode(images())
    np.testing.assert_array_equal(mu, load("tiny", registry=published.root).encode(images())[0])


def test_another_process_elsewhere_imports_it_with_the_same_digest(published, bundle, tmp_path):
    command = [sys.executable, "-m", "registry", "import", str(bundle), "--name", "there", "--json"]
    environment = os.environ | {"VAE_REGISTRY": str(tmp_path / "far away" / "store"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"name": "there", "version": 1, "digest": published.resolve("tiny").digest}


def test_the_bytes_depend_on_the_model_alone(published, bundle, empty, tmp_path):
    assert bundle.read_bytes() == bundle_bytes(published.resolve("tiny"))
    export_bundle(import_bundle(empty, bundle), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == bundle.read_bytes()


def test_importing_twice_adds_one_version(bundle, empty):
    assert import_bundle(empty, bundle) == import_bundle(empty, bundle)
    assert empty.numbers("tiny") == [1]
    assert import_bundle(empty, bundle, "other").number == 1


def to_manifest(entries, change):
    """Edit the manifest and announce its new digest, as an attacker would."""
    data = json.loads(entries[1][1])
    change(data)
    manifest = json.dumps(data).encode()
    header = json.loads(entries[0][1]) | {"digest": sha256(manifest)}
    return [(entries[0][0], json.dumps(header).encode()), (entries[1][0], manifest), *entries[2:]]


ATTACKS = {
    "absolute path": lambda entries: [*entries, entry("/etc/cron.d/evil", b"x")],
    "path upwards": lambda entries: [*entries, entry("../../evil", b"x")],
    "absolute path in place of a file": lambda entries: [*entries[:2], entry("/etc/evil", entries[2][1]), *entries[3:]],
    "path upwards in the manifest": lambda entries: to_manifest(
        [*entries, entry("../evil", b"x")], lambda data: data["files"].update({"../evil": {"size": 1, "sha256": sha256(b"x")}})
    ),
    "symbolic link": lambda entries: [*entries[:2], entry("card.md", type=tarfile.SYMTYPE, linkname="/etc/passwd"), *entries[3:]],
    "hard link": lambda entries: [*entries[:2], entry("card.md", type=tarfile.LNKTYPE, linkname="manifest.json"), *entries[3:]],
    "device": lambda entries: [entry("bundle.json", type=tarfile.CHRTYPE), *entries],
    "folder": lambda entries: [entry("pictures", type=tarfile.DIRTYPE), *entries],
    "one file too many": lambda entries: [*entries, entry("extra.bin", b"x")],
    "one file twice": lambda entries: [*entries, entries[-1]],
    "one file missing": lambda entries: entries[:-1],
    "no manifest": lambda entries: [entries[0], *entries[2:]],
    "another order": lambda entries: [entries[1], entries[0], *entries[2:]],
    "huge header": lambda entries: [entry("bundle.json", b" " * 10_000), *entries[1:]],
    "larger than announced": lambda entries: [*entries[:2], (entries[2][0], entries[2][1] + b"x" * 10**6), *entries[3:]],
    "another content": lambda entries: [*entries[:2], (entries[2][0], entries[2][1][:-1] + b"?"), *entries[3:]],
    "another manifest": lambda entries: [entries[0], (entries[1][0], entries[1][1] + b"\n"), *entries[2:]],
    "newer bundle": lambda entries: [entry("bundle.json", entries[0][1].replace(b'"format": 1', b'"format": 2')), *entries[1:]],
    "newer manifest": lambda entries: to_manifest(entries, lambda data: data.update(format=2)),
    "unknown key": lambda entries: to_manifest(entries, lambda data: data.update(surprise=1)),
    "bad name": lambda entries: [entry("bundle.json", entries[0][1].replace(b'"tiny"', b'"../tiny"')), *entries[1:]],
    "no name": lambda entries: [entry("bundle.json", b"[]"), *entries[1:]],
    "other signature": lambda entries: to_manifest(
        entries, lambda data: data["signature"]["encoder"]["inputs"][0].update(shape=["batch", 3, 8, 8])
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_bundle_is_refused_and_nothing_changes(attack, bundle, store, tmp_path):
    rewrite(bundle, ATTACKS[attack])
    before = snapshot(tmp_path)
    with pytest.raises(RegistryError) as caught:
        import_bundle(store, bundle, None if attack == "bad name" else "imported")
    assert "\n" not in str(caught.value) and str(caught.value)
    assert snapshot(tmp_path) == before and store.names() == ["labelled", "tiny"]


def test_a_sparse_bomb_is_refused(bundle, store, tmp_path):
    """A pax header that announces 8 GiB of zeros in a few bytes."""
    header = io.BytesIO()
    with tarfile.open(fileobj=header, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info, data = entry("bundle.json", b"1\n0\n0\n".ljust(512, b"\0"), size=512)
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "bundle.json",
                            "GNU.sparse.realsize": str(2**33)}  # fmt: skip
        archive.addfile(info, io.BytesIO(data))
    bundle.write_bytes(header.getvalue())
    with pytest.raises(UnsafeError):
        import_bundle(store, bundle)


@pytest.mark.parametrize("kind", ["gzip", "text", "empty", "cut", "zip"])
def test_what_is_no_bundle(kind, bundle, store):
    data = bundle.read_bytes()
    contents = {"gzip": gzip.compress(data), "text": b"hello", "empty": b"", "cut": data[:9000], "zip": b"PK\x03\x04" + data}
    bundle.write_bytes(contents[kind])
    with pytest.raises(UnsafeError):
        import_bundle(store, bundle)


def test_missing_files_and_folders(store, tmp_path):
    with pytest.raises(NotFoundError, match="no bundle"):
        import_bundle(store, tmp_path / "nothing.tar")
    with pytest.raises(RegistryError, match="is a folder"):
        import_bundle(store, tmp_path)
    with pytest.raises(RegistryError, match="is a folder"):
        export_bundle(store.resolve("tiny"), tmp_path)


def test_a_damaged_version_is_not_exported(store, tmp_path):
    (store.resolve("tiny").folder / "card.md").write_text("edited")
    with pytest.raises(DamagedError):
        export_bundle(store.resolve("tiny"), tmp_path / "out.tar")
    for target in ("files", "triton", "huggingface"):
        with pytest.raises(DamagedError):
            export(store.resolve("tiny"), f"{target}:{tmp_path / 'out'}")
    assert not list(tmp_path.glob("*out*"))


def test_every_single_bit_of_a_small_part_counts(bundle, empty):
    data = bytearray(bundle.read_bytes())
    for position in range(512, 512 + 120):  # the announcement: format, name, digest
        data[position] ^= 1
        bundle.write_bytes(data)
        try:
            version = import_bundle(empty, bundle, "imported")
        except RegistryError:
            pass
        else:  # the name is only a suggestion: everything else must be the same
            assert version.digest == json.loads(bundle.read_bytes()[512 : 512 + 2000].split(b"\0")[0])["digest"]
        data[position] ^= 1
    assert empty.names() in ([], ["imported"]) and (not empty.names() or empty.verify() == [])


def test_an_imported_store_is_a_normal_store(bundle, empty):
    import_bundle(empty, bundle)
    assert Store(empty.root).aliases("tiny") == {}
