"""Progress in a file: a line now and then, with the time left; nothing of what is quick."""

from __future__ import annotations

import time

import pytest

from registry import console


def test_a_long_job_says_how_far_it_is_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(console, "EVERY", 0.04)
    for _ in console.progress(range(20), 20, "reading"):
        time.sleep(0.01)
    with console.bar() as shown:
        task = shown.add_task("encoding", total=10)
        for done in range(1, 11):
            time.sleep(0.02)
            shown.update(task, completed=done)
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith("reading: ") and line.endswith("s left") for line in said)
    assert any(line.startswith("encoding: ") for line in said) and 3 <= len(said) <= 12, said


def test_a_quick_one_says_nothing(capsys) -> None:
    assert list(console.progress(range(5), 5, "reading")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")
