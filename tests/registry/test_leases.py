"""What somebody holds `gc` leaves alone, at no grace, until it is let go."""

from __future__ import annotations

import pickle

import pytest

from registry.disk import working_folder
from registry.leases import MOST, Lease, alone, hold
from registry.store import Store
from tests.registry.helpers import FILES, publish

RECKLESS = {"grace": 0, "keep": 1}


@pytest.fixture
def two(empty):
    publish(empty)
    publish(empty)
    return empty


def test_a_folder_that_somebody_writes_in_stays(two):
    with working_folder(two.root / "staging") as staged:
        assert two.gc(grace=0) == [] and staged.exists()
    (two.root / "staging" / "dead").mkdir()
    assert two.gc(grace=0) == ["left over from a killed process: staging/dead"]


def test_a_version_that_somebody_has_stays_and_is_taken_when_it_is_let_go(two):
    version = two.resolve("tiny", 1)
    assert two.gc(**RECKLESS) == two.gc(**RECKLESS, dry_run=True) == []
    assert [event.kind for event in two.events("tiny")] == ["published", "published"]
    assert version.read() == FILES
    del version
    assert len(two.gc(**RECKLESS)) == 1 and two.numbers("tiny") == [2]


def test_whoever_wants_what_is_being_taken_is_told_it_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    with alone(tmp_path / "a") as free, alone(tmp_path / "a") as second:
        assert free and not second
        (tmp_path / "a").rename(tmp_path / "trash")
    with pytest.raises(FileNotFoundError):
        hold(tmp_path / "a")
    with alone(tmp_path / "a") as free:
        assert not free


def test_files_and_links_are_nobodys(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "link"):
        with alone(tmp_path / name) as free:
            assert free


def test_a_process_keeps_few_folders_open_and_a_copy_elsewhere_none(two):
    """A list of thousands must not use up the files that a process may open."""
    before = Lease.held
    versions = [two.resolve("tiny", 1) for _ in range(MOST + 5)]
    assert Lease.held == MOST
    copied = pickle.loads(pickle.dumps(versions[0]))
    assert copied == versions[0] and copied.lease.handle == -1 and copied.read() == FILES
    del versions
    assert Lease.held == before


def test_a_store_that_cannot_be_locked_is_read_all_the_same(two, monkeypatch):
    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("registry.leases.fcntl.flock", refused)
    assert Store(two.root).resolve("tiny", 1).read() == FILES
    assert len(two.gc(**RECKLESS)) == 1
