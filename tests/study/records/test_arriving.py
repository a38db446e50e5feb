"""A mirrored study comes to another machine whole, and never goes back in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from study.records.arriving import JOURNAL, bring, send
from study.records.folder import StudyFolder
from study.records.mirror import AwayError, Mirror, below
from tests.study.search.test_search import record

LINES = [f'{{"op_code":{number}}}\n'.encode() for number in range(5)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return (tmp_path / "store" / "runs").as_uri()


def begun(runs: Path, url: str, lines: int) -> StudyFolder:
    """A study that has told so much."""
    folder = StudyFolder.new(runs, "s", below(url, "s"))
    folder.write(record(remote=below(url, "s")))
    folder.journal.write_bytes(b"".join(LINES[:lines]))
    return folder


def test_a_study_comes_whole_to_a_machine_that_never_saw_it(tmp_path: Path, url: str) -> None:
    folder = begun(tmp_path / "a", url, 3)
    stays = ("checkpoints/x-0.ckpt", "trunks/y.ckpt", "owner.txt", "logs/.half-written")
    comes = ("models/x-0.vae", "histories/x-0.json", "trials.parquet", "logs/trial-000.log", "tune/trial-000/progress.csv")
    for name in (*stays, *comes):
        path = folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    send(folder.mirror)
    other = StudyFolder.find(below(url, "s"), tmp_path / "b")
    assert other.record == folder.record and other.path == tmp_path / "b" / "s"
    found = {str(path.relative_to(other.path)) for path in other.path.rglob("*") if path.is_file()}
    assert found == {"study.json", JOURNAL, *comes}
    assert all((other.path / name).read_text() == name for name in comes)


@pytest.mark.parametrize(
    ("here", "stored", "then"),
    [
        (b"".join(LINES[:2]), b"".join(LINES), b"".join(LINES)),  # another machine went on
        (b"".join(LINES), b"".join(LINES[:2]), b"".join(LINES)),  # this one died before it had stored what it told
        (b"".join(LINES) + b'{"op_co', b"".join(LINES[:2]), b"".join(LINES) + b'{"op_co'),  # torn: healed later
        (b"".join(LINES[:2]) + b'{"op_co', b"".join(LINES), b"".join(LINES)),
        (b"", b"".join(LINES), b"".join(LINES)),
        (b"".join(LINES), b"".join(LINES), b"".join(LINES)),
    ],
)
def test_the_later_journal_stays(tmp_path: Path, url: str, here: bytes, stored: bytes, then: bytes) -> None:
    folder = begun(tmp_path / "a", url, 0)
    for content, table in ((stored, b"stored"), (here, b"here")):
        folder.journal.write_bytes(content)
        (folder.path / "trials.parquet").write_bytes(table)
        if table == b"stored":
            send(folder.mirror)
    assert bring(folder.mirror) is None
    assert folder.journal.read_bytes() == then
    behind = then == stored and here != stored
    assert (folder.path / "trials.parquet").read_bytes() == (b"stored" if behind else b"here"), "a table goes with its journal"
    assert not folder.journal.with_name(f"{JOURNAL}.aside").exists()


def test_what_another_machine_went_on_with_is_right_and_the_rest_is_kept(tmp_path: Path, url: str) -> None:
    folder = begun(tmp_path / "a", url, 2)
    folder.journal.write_bytes(b"".join([*LINES[:2], b'{"op_code":7}\n']))
    send(folder.mirror)
    folder.journal.write_bytes(b"".join(LINES))
    assert "another machine has gone on with this study" in str(bring(folder.mirror))
    assert folder.journal.read_bytes().endswith(b'{"op_code":7}\n')
    assert folder.journal.with_name(f"{JOURNAL}.aside").read_bytes() == b"".join(LINES)


def test_a_new_study_takes_no_name_that_the_store_has(tmp_path: Path, url: str) -> None:
    begun(tmp_path / "a", url, 1)
    with pytest.raises(UserError, match=r"^the study s exists already at file:.*/runs/s: choose another --name"):
        StudyFolder.new(tmp_path / "b", "s", below(url, "s"))


def test_a_study_of_the_same_name_is_not_overwritten(tmp_path: Path, url: str) -> None:
    begun(tmp_path / "a", url, 1)
    other = StudyFolder.new(tmp_path / "b", "s")
    other.write(record())
    with pytest.raises(UserError, match="is another study than file:"):
        StudyFolder.find(below(url, "s"), tmp_path / "b")
    assert other.path.joinpath("study.json").read_text() == record().model_dump_json(indent=2) + "\n"


@pytest.mark.parametrize("name", ["nothing", "s/logs"])
def test_what_is_no_study_is_said_and_leaves_nothing_here(tmp_path: Path, url: str, name: str) -> None:
    begun(tmp_path / "a", url, 1)
    with pytest.raises(UserError, match=r"is not a study: it has no study\.json"):
        StudyFolder.find(below(url, name), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_study_that_never_started_leaves_the_store_too(tmp_path: Path, url: str) -> None:
    folder = StudyFolder.new(tmp_path, "s", below(url, "s"))
    folder.write(record(remote=below(url, "s")))
    assert folder.mirror.holds(folder.path / "study.json")
    folder.withdraw()
    assert not folder.path.exists() and Mirror(folder.path, below(url, "s")).there() == {}


def test_a_store_that_takes_nothing_leaves_no_study_here(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    url = (tmp_path / "store" / "s").as_uri()
    folder = StudyFolder.new(tmp_path / "runs", "s")
    with pytest.raises(AwayError, match="cannot be used"):
        folder.write(record(remote=url))
    assert not folder.path.exists()
