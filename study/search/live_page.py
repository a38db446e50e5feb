"""`--watch`: the live page as a process of its own, which ends with the study's driver, even a killed one.

It is started by name, for it belongs to `analysis`, which uses this package and is not used by it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from study.records.folder import StudyFolder

__all__ = ["live_page"]


@contextmanager
def live_page(folder: StudyFolder, console: Console) -> Iterator[None]:
    """Serve the page on a free port, and say where."""
    command = [sys.executable, "-m", "analysis.watch", str(folder.path), "--port", "0", "--until-closed"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        console.print(server.stdout.readline().strip() or "the live page did not start", highlight=False, soft_wrap=True)
        try:
            yield
        finally:
            server.terminate()
