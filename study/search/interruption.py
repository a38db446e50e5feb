"""Ways in which a running study is told to stop: Ctrl-C, a scheduler's SIGTERM, a closed terminal's SIGHUP, Ray's own death.

All of them end alike: what has been told stays told, and the command that goes on is printed.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Stop", "interruptible", "listens", "watched"]

PATIENCE = 3  # looks in a row at which Ray must be gone
SECONDS = 2.0
GRACE = 20.0  # seconds that an interrupted main thread has to leave the search


@dataclass
class Stop:
    """How a study was told to stop.  status: what the process ends with, 128 + the signal's number, as shells have it."""

    status: int = 128 + signal.SIGINT


@contextmanager
def interruptible() -> Iterator[Stop]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt in here, as Ctrl-C does; what is yielded knows which it was.

    Enter it after Ray has started, which sets handlers of its own.  (An exception of our own would not do: Tune catches
    KeyboardInterrupt and raises another one.)
    """
    told = Stop()

    def stop(number: int, _: Any) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)  # from now on: a second one must not cut the telling short
        told.status = 128 + number
        raise KeyboardInterrupt

    handled = [signal.SIGTERM, signal.SIGHUP]
    before = {each: signal.signal(each, stop) for each in handled}
    try:
        yield told
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is stop:
                signal.signal(each, handler)


@contextmanager
def watched(raylet: str | None, give_up: Callable[[], object]) -> Iterator[threading.Event]:
    """Interrupts the main thread when the raylet that listens at this socket has gone, and sets the event.

    Ray itself would wait for minutes, or, asking a control process that no longer answers, for ever in a call that no interrupt
    reaches: after `GRACE` seconds `give_up` is called, from another thread.  None, a cluster whose raylet is not here: nothing is
    watched.
    """
    gone, done = threading.Event(), threading.Event()

    def watch() -> None:
        missed = 0
        while not done.wait(SECONDS):
            missed = 0 if listens(raylet) else missed + 1
            if missed == PATIENCE:
                gone.set()
                _thread.interrupt_main()
                if not done.wait(GRACE):
                    give_up()
                return

    thread = threading.Thread(target=watch, name="raylet-watch", daemon=True)
    if raylet is not None:
        thread.start()
    try:
        yield gone
    finally:
        done.set()


def listens(raylet: str | None) -> bool:
    """Whether the raylet that listens at this socket is there.  None, one that is not here, is taken to be."""
    if raylet is None:
        return True
    with socket.socket(socket.AF_UNIX) as attempt, contextlib.suppress(OSError):
        attempt.settimeout(1)
        attempt.connect(raylet)
        return True
    return False
