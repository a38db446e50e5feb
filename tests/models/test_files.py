"""Atomic writing: the old content or the new one, whatever happens in between."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from models.errors import UserError
from models.files import local_folder, write_atomically
from registry.place import registry_folder
from study.datasets import data_folder
from study.records.folder import runs_folder


def test_text_and_bytes(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "text", "β\n")
    write_atomically(tmp_path / "a" / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "text").read_bytes() == "β\n".encode()
    assert (tmp_path / "a" / "bytes").read_bytes() == b"\x00\xff"
    assert stat.S_IMODE((tmp_path / "a" / "text").stat().st_mode) == 0o644


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full_disk(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file" / "inside", "new")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("url", ["s3://bucket/runs", "gs://bucket", "file:///tmp/x", Path("s3://bucket/runs"), "http+x://h/p"])
def test_a_url_is_not_taken_for_a_folder(url: str | Path) -> None:
    """`Path("s3://bucket")` is the folder `s3:/bucket` of wherever one is; studies went there without a word."""
    for place in (local_folder, runs_folder, data_folder, registry_folder):
        with pytest.raises(UserError, match="got the URL"):
            place(url)


def test_other_odd_names_are_folders() -> None:
    assert local_folder("a:b") == Path.cwd() / "a:b" and local_folder("~").is_absolute() and local_folder("C:/x").name == "x"
