"""One driver a study: the second is refused in one line, and a killed one releases it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import UserError
from study.records.folder import StudyFolder
from study.search.owner import owned

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
