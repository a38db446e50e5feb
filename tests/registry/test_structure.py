"""Attacks on the structure: every file is what was published, and yet something is lost, exchanged, rolled back or doubled."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from registry import heads, load
from registry.disk import replace_file, seal
from registry.errors import DamagedError, NotFoundError, RegistryError
from registry.store import Store
from tests.registry.helpers import publish


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path / "store")


def filled(root):
    """tiny@1 to tiny@4, four log entries (champion 2, 3; a note; candidate), and another model of one version."""
    store = Store(root)
    for mig in (0.1, 0.2, 0.3, 0.4):
        publish(store, "tiny", mig)
    store.set_alias("tiny", 2, "champion")
    store.set_alias("tiny", 3, "champion")
    store.annotate(store.resolve("tiny", 1), description="kept")
    store.set_alias("tiny", 4, "candidate")
    publish(store, "other", 0.9)
    assert store.verify() == []
    return store


def exchange(one, other):
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def linked(store):
    folder = store.root / "models/tiny/versions/3"
    folder.rename(store.root.parent / "elsewhere")
    folder.symlink_to(store.root.parent / "elsewhere")


def copied(store):
    shutil.copytree(store.root / "models/tiny/versions/2", store.root / "models/tiny/versions/5")


def rolled_back(store):
    """Last week's folder of the model, from a backup."""
    shutil.rmtree(store.root / "models/tiny/versions/4")
    shutil.rmtree(store.root / "models/tiny/log/4")


def rewritten(store):
    """Version 2 anew under its own number, sealed as it should be: only its successor and the head know better."""
    record = store.root / "models/tiny/versions/2/published"
    record.write_bytes(seal(json.loads(record.read_bytes()[65:]) | {"by": "somebody else"}))


def relinked(store, target):
    card = store.root / "models/tiny/versions/3/card.md"
    card.rename(store.root.parent / "card")
    card.symlink_to(target)


def piped(store):
    card = store.root / "models/tiny/versions/3/card.md"
    card.unlink()
    os.mkfifo(card)


def swollen(store):
    (store.root / "models/tiny/versions/3/card.md").write_bytes(bytes(2**20))


ATTACKS = {
    "the newest version is gone": (lambda s: shutil.rmtree(s.root / "models/tiny/versions/4"), "tiny@4 is missing"),
    "the end of the log is cut": (lambda s: shutil.rmtree(s.root / "models/tiny/log/4"), "the log of tiny ends with entry 3"),
    "a log entry is gone": (lambda s: shutil.rmtree(s.root / "models/tiny/log/2"), "has lost this entry"),
    "version folders are exchanged": (
        lambda s: exchange(s.root / "models/tiny/versions/2", s.root / "models/tiny/versions/3"),
        "holds the record of tiny, number 3",
    ),
    "version folders of two models are exchanged": (
        lambda s: exchange(s.root / "models/tiny/versions/1", s.root / "models/other/versions/1"),
        "holds the record of other, number 1",
    ),
    "log records are exchanged": (
        lambda s: exchange(s.root / "models/tiny/log/1", s.root / "models/tiny/log/2"),
        "holds the record of tiny, number 2",
    ),
    "a model's folder is gone": (lambda s: shutil.rmtree(s.root / "models/other"), "other is missing with all its versions"),
    "store.json is gone": (lambda s: (s.root / "store.json").unlink(), "store.json is missing"),
    "a version is a link": (linked, "is a link to another folder"),
    "a version stands twice": (copied, "holds the record of tiny, number 2"),
    "everything is rolled back": (rolled_back, "tiny@4 is missing"),
    "a record is rewritten": (rewritten, "tiny@3 was published after another tiny@2"),
    "a head is damaged": (lambda s: (s.root / "heads/tiny").write_bytes(b"{}"), "heads/tiny is damaged"),
    "a head is gone": (lambda s: (s.root / "heads/tiny").unlink(), "heads/tiny is missing"),
    "a file is a link": (lambda s: relinked(s, s.root.parent / "card"), "card.md: it is a link"),
    "a file is a link to an endless one": (lambda s: relinked(s, Path("/dev/zero")), "card.md: it is a link"),
    "a file is a pipe": (piped, "card.md: it is no plain file"),
    "a file is of another size": (swollen, "card.md: it has 1,048,576 bytes"),
    "a folder is linked into a version": (
        lambda s: (s.root / "models/tiny/versions/3/more").symlink_to(s.root),
        "a file that was not published: more",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_found_and_named(store, attack):
    act, said = ATTACKS[attack]
    act(store)
    problems = [found.problem for found in store.verify()]
    assert any(said in problem for problem in problems), problems
    assert all("\n" not in problem for problem in problems)


def test_a_lost_number_is_never_given_again(store):
    """Whoever points to it, and whoever wrote it down, gets an error and not another model."""
    store.set_alias("tiny", 4, "champion")
    shutil.rmtree(store.root / "models/tiny/versions/4")
    assert publish(store, "tiny", 0.7).number == 5
    with pytest.raises((NotFoundError, DamagedError)):
        load("tiny@champion", registry=store.root)
    assert [found.problem for found in store.verify()] == ["tiny@4 is missing"]


def test_a_version_in_the_wrong_place_is_not_loaded(store):
    exchange(store.root / "models/tiny/versions/2", store.root / "models/tiny/versions/3")
    with pytest.raises(DamagedError, match="holds the record of tiny, number 2"):
        store.resolve("tiny@champion")


def test_a_damaged_log_ends_promote_and_the_list_goes_on(store):
    """It used to loop for ever, and to hide every model."""
    shutil.rmtree(store.root / "models/tiny/log/2")
    with pytest.raises(DamagedError, match="has lost this entry"):
        store.set_alias("tiny", 1, "champion")
    entries, damage = store.entries("tiny")
    assert len(entries) == 4 and len(damage) == 1 and publish(store, "tiny").number == 5


def test_a_head_that_cannot_be_written_does_not_deny_what_was_published(store, monkeypatch):
    """It said "nothing was changed", and the version was there."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("registry.heads.replace_file", full)
        assert publish(store, "tiny").number == 5
    assert store.verify() == [] and publish(store, "tiny").number == 6
    shutil.rmtree(store.root / "models/tiny/versions/6")
    assert [found.problem for found in store.verify()] == ["tiny@6 is missing"]


def test_the_newest_record_rewritten_is_found_after_the_next_publish(store):
    """The next record was chained to the new one, the head went on, and all was intact."""
    record = store.root / "models/tiny/versions/4/published"
    record.write_bytes(seal(json.loads(record.read_bytes()[65:]) | {"by": "somebody else"}))
    assert publish(store, "tiny").number == 5
    assert [found.problem for found in store.verify()] == ["tiny@5 was published after another tiny@4"]
    assert any("tiny@4 is lost" in line for line in store.repair()) and store.verify() == []


def test_a_head_does_not_fall_back_when_two_write_it(store, monkeypatch):
    """Whoever had read it first and wrote it last took back what the other had noted."""
    (store.root / "heads/tiny").unlink()
    late, begun = threading.Event(), threading.Event()

    def first_one_waits(*arguments):
        if not begun.is_set():
            begun.set()
            late.wait(0.3)
        replace_file(*arguments)

    monkeypatch.setattr(heads, "replace_file", first_one_waits)
    slow = threading.Thread(target=heads.raise_head, args=(store.root, "tiny", "versions", 3))
    slow.start()
    begun.wait(10)
    heads.raise_head(store.root, "tiny", "versions", 4)
    late.set()
    slow.join()
    assert heads.head_of(store.root, "tiny").versions[0] == 4


def test_gc_beside_verify_is_not_seen(store, monkeypatch):
    """A version that is being looked through stays; it was taken from under the look, which ended in an exception."""
    scandir = os.scandir

    def collecting(path="."):
        if "tiny/versions" in str(path):
            store.gc(grace=0, keep=1)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", collecting)
    assert store.verify() == [] and store.numbers("tiny") == [3, 4]


def test_a_long_note_is_refused_before_it_is_written(store):
    """At a bucket nobody could have read it again, and with it the whole log."""
    with pytest.raises(RegistryError, match="at most 65,436 bytes"):
        store.annotate(store.resolve("tiny"), description="x" * 70_000)
    assert len(store.events("tiny")) == 8 and store.verify() == []


def test_retired_versions_leave_a_whole_chain(store):
    assert store.gc(grace=0, keep=1)
    assert store.numbers("tiny") == [3, 4] and store.verify() == []
    assert publish(store, "tiny").number == 5 and store.verify() == []


@pytest.mark.parametrize("command", ["verify", "repair"])
@pytest.mark.parametrize("there", [None, "", "models/code"], ids=["no folder", "another folder", "a package called models"])
def test_a_typing_error_is_not_an_intact_store(command, there, tmp_path, monkeypatch, capsys):
    from registry.commands import app
    from registry.console import run

    if there is not None:
        (tmp_path / "typo" / there).mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["registry", command, "--registry", str(tmp_path / "typo")])
    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 2 and "there is no model store in" in capsys.readouterr().err
    assert not (tmp_path / "typo" / "store.json").exists()
