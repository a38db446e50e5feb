"""A mirrored study comes to another machine whole, and never goes back in time."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

import pytest

from models.errors import UserError
from study.records.arriving import JOURNAL, bring, send
from study.records.folder import StudyFolder
from study.records.mirror import AwayError, Mirror, below
from tests.s3 import Server
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


def test_a_study_whose_store_went_away_before_it_started_leaves_nothing_here(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.records.folder.PATIENCE", 0.0)
    folder = StudyFolder.new(tmp_path, "s", below(url, "s"))
    folder.write(record(remote=below(url, "s")))
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(AwayError):
        folder.withdraw()
    assert not folder.path.exists(), "its name is free"


def test_a_study_that_was_killed_before_the_store_had_its_record_goes_on(tmp_path: Path, url: str) -> None:
    folder = begun(tmp_path / "a", url, 0)
    folder.mirror._ask(lambda files: files.delete_file(folder.mirror._key(folder.path / "study.json")))
    found = StudyFolder.find(below(url, "s"), tmp_path / "a")
    assert found.record == folder.record and found.mirror.holds(found.path / "study.json")


def test_a_torn_line_in_the_store_is_no_other_machines_work(tmp_path: Path, url: str) -> None:
    """A full disk tore the journal, it was stored so, healed here, and went on; then the driver was killed."""
    folder = begun(tmp_path / "a", url, 2)
    folder.journal.write_bytes(b"".join(LINES[:2]) + b'{"op_co')
    send(folder.mirror)
    folder.journal.write_bytes(b"".join(LINES))
    assert bring(folder.mirror) is None and folder.journal.read_bytes() == b"".join(LINES)


def test_of_what_workers_store_the_store_is_right(tmp_path: Path, url: str) -> None:
    """A film that came here in the middle of its trial, which a scheduler stopped later: it neither stays nor goes back."""
    folder = begun(tmp_path / "a", url, 1)
    film = folder.path / "live" / "trial-000.json"
    worker = Mirror(tmp_path / "node", folder.record.remote)
    for path, content in ((worker.local / "live" / "trial-000.json", "the whole film"), (film, "its begin")):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    worker.push(worker.local / "live" / "trial-000.json")
    send(folder.mirror)
    assert folder.mirror.content(film) == b"the whole film"
    bring(folder.mirror)
    assert film.read_text() == "the whole film"


def test_what_is_of_the_whole_study_is_stored_first(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that sends a signal waits for some seconds; a second time, what has not grown stays as it is."""
    folder = begun(tmp_path / "a", url, 1)
    for name in ("trials.parquet", *(f"tune/trial-{number}/result.json" for number in range(40))):
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).write_text(name)
    stored: list[str] = []
    push = Mirror.push

    def spy(mirror: Mirror, *paths: Path) -> None:
        stored.extend(path.name for path in paths)
        push(mirror, *paths)

    monkeypatch.setattr(Mirror, "push", spy)
    send(folder.mirror)
    assert stored == [JOURNAL, "study.json", "trials.parquet", *["result.json"] * 40]
    stored.clear()
    send(folder.mirror)
    assert stored == [JOURNAL, "study.json", "trials.parquet"]


def test_a_store_cannot_name_files_outside_of_the_study(tmp_path: Path, bucket: str, s3_server: Server) -> None:
    url = below(bucket, "s")
    folder = StudyFolder.new(tmp_path / "a", "s", url)
    folder.write(record(remote=url))
    put = HTTPConnection("127.0.0.1", s3_server.port)  # pyarrow would not write it
    put.request("PUT", f"/{folder.mirror.root}/logs/../../../taken", b"content")
    assert put.getresponse().status == 200
    put.close()
    with pytest.raises(UserError, match=r"^a file of a study must lie in its folder, but the store at .* has 'logs/\.\./"):
        StudyFolder.find(url, tmp_path / "b")
    assert not (tmp_path / "taken").exists() and not list(tmp_path.rglob("taken"))


def test_a_store_that_takes_nothing_leaves_no_study_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.records.folder.PATIENCE", 0.0)
    (tmp_path / "store").write_text("a file, not a folder")
    url = (tmp_path / "store" / "s").as_uri()
    folder = StudyFolder.new(tmp_path / "runs", "s")
    with pytest.raises(AwayError, match="cannot be used"):
        folder.write(record(remote=url))
    assert not folder.path.exists()
