"""One driver a study: the second is refused in one line, and a killed one releases it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.mirror import AwayError
from study.search import owner
from study.search.owner import owned
from tests.study.search.test_search import record

HOLD = """
import sys, time
from pathlib import Path
from study.records.folder import StudyFolder
from study.search.owner import owned
with owned(StudyFolder(Path(sys.argv[1]))):
    print("owned", flush=True)
    time.sleep(60)
"""


def test_the_second_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.write(record())
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "owned\n"
    with pytest.raises(UserError, match=rf"one driver at a time, but .* is being run by process {first.pid} on "), owned(folder):
        pass
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    first.stdout.close()
    with owned(folder):
        assert (tmp_path / "owner.txt").is_file()
    assert not (tmp_path / "owner.txt").exists()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[StudyFolder]:
    """One mirrored study on two machines, whose hearts beat fast."""
    monkeypatch.setattr(owner, "BEAT", 0.2)
    monkeypatch.setattr(owner, "DEAD", 3.0)
    url = (tmp_path / "store" / "s").as_uri()
    folders = [StudyFolder(tmp_path / name / "s") for name in ("one", "other")]
    for folder in folders:
        folder.write(record(remote=url))
    return folders


def test_a_living_owner_elsewhere_is_found(machines: list[StudyFolder]) -> None:
    one, other = machines
    told: list[str] = []
    with (
        owned(one),
        pytest.raises(UserError, match=r"one driver at a time, but s is being run by process"),
        owned(other, told.append),
    ):
        pass
    assert told and "was last run by process" in told[0]
    with owned(other, told.append):
        assert other.mirror.holds(other.path / "owner.json")
    assert len(told) == 1, "given back: nobody waits"
    assert not other.mirror.holds(other.path / "owner.json") and not (one.path / "owner.json").exists()


def test_a_dead_owner_elsewhere_is_waited_for_and_one_of_this_folder_is_not(machines: list[StudyFolder]) -> None:
    one, other = machines
    dead = owner.Record(one.mirror)
    dead.take("s", print)
    told: list[str] = []
    with owned(one, told.append):  # whose lock is free
        assert told == []
    owner.Record(one.mirror).take("s", print)
    with owned(other, told.append):
        assert len(told) == 1


def test_of_two_that_begin_at_the_same_moment_the_earlier_stops_and_stores_nothing(machines: list[StudyFolder]) -> None:
    one, other = machines
    later = owner.Record(other.mirror)

    def search() -> None:
        with owned(one):
            later._write()  # it had read before the first wrote
            time.sleep(30)
            pytest.fail("it was not woken")

    with pytest.raises(UserError, match=r"^this driver has stopped, and stored nothing more: s is being run by process .*"):
        search()
    with pytest.raises(AwayError, match="is not written to any more"):
        one.mirror.push(one.path / "study.json")
    assert later._read() == owner.Told(who=f"process {os.getpid()} on {socket.gethostname()}", token=later.token, beats=1)


def test_a_driver_that_was_suspended_overwrites_nothing_that_another_has_ended(
    machines: list[StudyFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has given the study back by then: there is no owner whom a look would find."""
    one, other = machines
    monkeypatch.setattr(owner, "BEAT", 60.0)  # it has not been awake for long enough to renew
    monkeypatch.setattr(owner, "DEAD", 0.3)
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def search() -> None:
        with owned(one):
            one.journal.write_bytes(b"what it knew\n")
            one.mirror.push(one.journal)
            with owned(other):  # after `DEAD` seconds of silence
                other.journal.write_bytes(b"all there is to know\n")
                other.mirror.push(other.journal)
            one.mirror.push(one.journal)

    with pytest.raises(UserError, match="has stopped, and stored nothing more: s was run by another process meanwhile"):
        search()
    assert one.mirror.content(one.journal) == b"all there is to know\n"


def test_what_is_no_record_of_an_owner_is_somebodys(machines: list[StudyFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "DEAD", 0.1)
    one, _ = machines
    (one.path / "owner.json").write_text("me!")
    one.mirror.push(one.path / "owner.json")
    (one.path / "owner.json").unlink()
    told: list[str] = []
    with owned(one, told.append):
        assert "was last run by somebody who wrote b'me!'" in told[0]
