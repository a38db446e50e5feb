"""One driver a study: two would take each other's running trials for interrupted ones, and drop their results.

The owner holds an exclusive `flock` on `owner.lock` in the study's folder; the kernel releases it when the process ends,
however it ends.  Over NFS Linux turns it into a byte-range lock of the server, which holds between machines and is released when
the client's lease ends; a file system mounted with `nolock` or `local_lock` protects against drivers of the same machine only.

Drivers of a mirrored study may see no common lock.  There the owner is who `owner.json` in the store names, with a count that
it raises every `BEAT` seconds; a count that stands still for `DEAD` is a dead owner's.  No clocks are compared.  Two that begin
within moments may both find nobody; the later record stays, and the other driver finds it at its next beat, stops, and stores
nothing more.  A driver that was suspended, or cut off from the store, for so long that it may be taken for dead looks before it
stores anything: another one may have gone on meanwhile, and even have ended.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import ValidationError

from models.config import Config
from models.errors import UserError
from models.files import write_atomically
from study.records.folder import StudyFolder
from study.records.mirror import AwayError, Mirror

__all__ = ["owned"]

BEAT = 10.0  # seconds
DEAD = 45.0  # seconds: four beats, and what a request may take


def _say_nothing(_: str) -> None:
    """To nobody."""


@contextmanager
def owned(folder: StudyFolder, say: Callable[[str], None] = _say_nothing) -> Iterator[None]:
    """Own the study for a while.  Raises `UserError` when another process does.

    say: told why it takes a while, where the store names an owner that may be dead.

    A driver that loses a mirrored study to another one is interrupted, as by Ctrl-C, and ends with that error.
    """
    lock, who = FileLock(folder.path / "owner.lock"), folder.path / "owner.txt"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        other = who.read_text().strip() if who.is_file() else "another process"
        raise UserError(f"a study has one driver at a time, but {folder.name} is being run by {other}") from None
    try:
        with contextlib.suppress(OSError):  # a full disk: who owns it is a courtesy
            who.write_text(f"{_myself()}\n")
        with _recorded(folder, say):
            yield
    finally:
        who.unlink(missing_ok=True)
        lock.release()


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def _recorded(folder: StudyFolder, say: Callable[[str], None]) -> Iterator[None]:
    """Be the owner whom the mirror's record names."""
    if folder.record.remote is None:
        yield
        return
    record = Record(Mirror(folder.path, folder.record.remote))
    record.take(folder.name, say)
    folder.mirror.against = record.against
    done = threading.Event()
    thread = threading.Thread(target=record.beat_until, args=(done,), name="owner", daemon=True)
    thread.start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit, UserError):
        if record.lost is None:
            raise
    finally:
        done.set()
        thread.join()
        record.give_back()
    if record.lost is not None:
        raise UserError(f"this driver has stopped, and stored nothing more: {record.lost}")


def _now() -> float:
    """Seconds, also while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


class Told(Config):
    """What `owner.json` says."""

    who: str
    token: str
    beats: int = 0


class Record:
    """`owner.json` of a mirrored study.  lost: who has taken it over.  seen: when it last was this driver's."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror, self.path = mirror, mirror.local / "owner.json"
        self.token, self.beats = uuid4().hex, 0
        self.lost: str | None = None
        self.seen = -math.inf

    def take(self, name: str, say: Callable[[str], None]) -> None:
        """Write it.  Raises `UserError` where another driver lives, or was faster."""
        found = self._read()
        if found and found.token != self._left_here():
            say(f"{name} was last run by {found.who}: waiting for {DEAD:.0f} s whether it still is …")
            deadline = time.monotonic() + DEAD
            while time.monotonic() < deadline:
                time.sleep(min(BEAT / 2, DEAD / 10))
                now = self._read()
                if now is None:
                    break
                if now != found:
                    raise UserError(f"a study has one driver at a time, but {name} is being run by {now.who}")
        self._write()
        time.sleep(min(2.0, BEAT / 2))  # one that began at the same moment has written now
        now = self._read()
        if now is None or now.token != self.token:
            self.path.unlink(missing_ok=True)
            other = now.who if now else "another process"
            raise UserError(f"a study has one driver at a time, but {name} is being run by {other}")

    def against(self) -> str | None:
        """Why nothing of the study may be stored any more.  Raises `AwayError` where that must be asked and nobody answers."""
        if self.lost is None and _now() - self.seen > DEAD:
            self._look()
        return self.lost

    def beat_until(self, done: threading.Event) -> None:
        """Show that this owner lives; when it is none any more, interrupt the main thread.

        A store that is away for a while is no reason to stop: the search finds out by itself.
        """
        while not done.wait(BEAT):
            with contextlib.suppress(AwayError, OSError):  # of a full disk
                self._look()
                if self.lost is not None:
                    if not done.is_set():  # the main thread may have seen it first
                        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it where it waits
                    return
                self._write()

    def _look(self) -> None:
        """Whether the study is still this driver's.  No record at all: another one had it, and gave it back."""
        now = self._read()
        if now is not None and now.token == self.token:
            self.seen = _now()
        else:
            name = self.path.parent.name
            self.lost = f"{name} is being run by {now.who}" if now else f"{name} was run by another process meanwhile"

    def give_back(self) -> None:
        """Nobody's, unless it is another's."""
        with contextlib.suppress(AwayError):  # then it is found dead
            now = self._read()
            if now is not None and now.token == self.token:
                self.mirror.delete(self.path)
        self.path.unlink(missing_ok=True)

    def _left_here(self) -> str | None:
        """The token of a driver that was killed in this folder: whoever holds `owner.lock` knows that it is dead."""
        return Told.model_validate_json(self.path.read_text()).token if self.path.is_file() else None

    def _read(self) -> Told | None:
        content = self.mirror.content(self.path)
        if content is None:
            return None
        try:
            return Told.model_validate_json(content)
        except ValidationError:
            return Told(who=f"somebody who wrote {content[:40]!r}", token="")

    def _write(self) -> None:
        self.beats += 1
        write_atomically(self.path, Told(who=_myself(), token=self.token, beats=self.beats).model_dump_json())
        self.mirror.push(self.path)
        self.seen = _now()
