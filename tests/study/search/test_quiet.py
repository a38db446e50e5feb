"""What others print while Ray runs goes into a file; what the study says stays on the screen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from models.errors import UserError
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


def test_a_folder_that_is_taken_away_in_between_hides_no_error(tmp_path: Path) -> None:
    """A study that cannot start leaves nothing behind; what was said of it was "No such file or directory: ray.log"."""
    folder = tmp_path / "s"
    folder.mkdir()

    def start() -> None:
        with quiet(folder / "ray.log", Console()):
            shutil.rmtree(folder)
            raise UserError("no cluster")

    with pytest.raises(UserError, match="no cluster"):
        start()
    assert not folder.exists()
