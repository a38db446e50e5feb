"""What others print while Ray runs goes into a file; what the study says stays on the screen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from study.search.quiet import quiet


def test_only_the_console_is_seen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with quiet(tmp_path / "ray.log", console):
        print("a thread of Ray")
        os.write(2, b"a dump of C++\n")
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('a traceback of a child')"], check=True)
        console.print("the study")
    print("afterwards")
    os.write(2, b"an error\n")
    assert capfd.readouterr() == ("the study\nafterwards\n", "an error\n")
    assert set((tmp_path / "ray.log").read_text().splitlines()) == {
        "a thread of Ray",
        "a dump of C++",
        "a traceback of a child",
    }


def test_nothing_printed_leaves_no_file_and_an_exception_restores(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), quiet(tmp_path / "ray.log", Console()):
        raise KeyboardInterrupt
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"
    assert not list(tmp_path.iterdir())
