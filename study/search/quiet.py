"""While Ray runs, the screen is the study's: what Ray and its processes print goes into the study's `ray.log`.

Ray reports through more doors than it lets one close: an error channel that prints from a thread of the driver, and processes
that inherit standard error (a signal to the whole process group makes one of them print a traceback).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from rich.console import Console

__all__ = ["quiet"]


@contextmanager
def quiet(log: Path, console: Console) -> Iterator[None]:
    """All that is printed in here goes to the end of `log`, but for what `console` prints.

    Standard error is redirected as a file descriptor too, which processes that start in here inherit.  A log with nothing in it
    does not stay.
    """
    shown = console.file
    sys.stderr.flush()
    kept = os.dup(2)
    with log.open("a", buffering=1, errors="replace") as file:
        os.dup2(file.fileno(), 2)
        console.file = sys.stdout
        try:
            with redirect_stdout(file), redirect_stderr(file):
                yield
        finally:
            console.file = shown
            os.dup2(kept, 2)
            os.close(kept)
            if log.is_file() and not log.stat().st_size:  # a study that never started takes its folder away
                log.unlink()
