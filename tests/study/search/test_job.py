"""Around the search: who may change a study, and how its end is interrupted; without Ray, which other tests run."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

from models.errors import UserError
from study.records.folder import StudyFolder
from study.search import job, owner
from study.search.owner import owned
from tests.study.search.test_search import record


def finish(folder: StudyFolder, printed: io.StringIO, **changes: int) -> None:
    wanted = folder.record.model_copy(update=changes)
    job.search_and_publish(folder, wanted, None, folder.path.parent / "registry", Console(file=printed, width=200))


def test_a_driver_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """`--extend` beside a running driver: its trials would be added all the same, and again by every try."""
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record(trials=12))
    with owned(folder), pytest.raises(UserError, match="one driver at a time"):
        finish(StudyFolder(folder.path), io.StringIO(), trials=32)
    assert StudyFolder(folder.path).record.trials == 12


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """All trials have ended already."""
    monkeypatch.setattr(job, "_search", lambda *_, **__: None)


@pytest.mark.usefixtures("searched")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_who_is_told_to_stop_while_publishing_says_how_to_go_on(
    number: signal.Signals, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, printed = StudyFolder.new(tmp_path, "s"), io.StringIO()
    folder.write(record(trials=12))
    monkeypatch.setattr(job, "conclude", lambda *_: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as ended:
        finish(folder, printed, trials=13)
    assert ended.value.code == status and StudyFolder(folder.path).record.trials == 13
    assert printed.getvalue().endswith(f"nothing is lost. Go on with:\n  python -m study.run --resume {folder.path}\n")


@pytest.mark.usefixtures("searched")
def test_a_store_that_is_away_at_the_end_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.records.folder.PATIENCE", 0.0)
    monkeypatch.setattr(owner, "BEAT", 0.2)
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record(remote=(tmp_path / "store" / "s").as_uri()))

    def goes_away(*_: object) -> None:
        (tmp_path / "store").rename(tmp_path / "away")
        (tmp_path / "store").write_text("not a folder")

    monkeypatch.setattr(job, "conclude", goes_away)
    with pytest.raises(UserError, match=r"^the store at [^\n]*; nothing is lost: go on with --resume s when that is mended$"):
        finish(folder, io.StringIO())
