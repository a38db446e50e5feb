"""Kill a process at every single step that it takes on the disk.

    python -m tests.registry.crash ACTION TEMPLATE WORK [--power-cut]

For k = 1, 2, 3 … the store in TEMPLATE is copied to WORK/k, and a child process does ACTION on the copy and sends itself
SIGKILL just before its k-th step; the loop ends with the first child that lives.  A step is a call of the operating system
that changes the file system (Python reports each of them to an audit hook) or an fsync.  With `--power-cut`, every byte that
was written but not yet synced is lost as well.  WORK/k.step says where the child died.  The product has no hook for this.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from registry.bundle import import_bundle
from registry.store import Store
from tests.registry.helpers import FILES, manifest

ACTIONS = {
    "publish": lambda store: store.publish("tiny", FILES, manifest(0.9)),
    "promote": lambda store: store.set_alias("tiny", 2, "champion", expect=1),
    "annotate": lambda store: store.annotate(store.resolve("tiny", 1), description="new", tags={"a": "b"}),
    "gc": lambda store: store.gc(grace=0, keep=1),
    "repair": lambda store: store.repair(),
    "import": lambda store: import_bundle(store, store.root.parent / "bundle.tar", "imported"),
}
CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate"}


class Killer:
    """Counts steps below `root`, and ends the process at step number `last`."""

    def __init__(self, root: Path, last: int, power_cut: bool) -> None:
        self.root, self.last, self.power_cut = str(root), last, power_cut
        self.step = 0
        self.synced = {path.stat().st_ino for path in root.rglob("*") if path.is_file()}
        self.fsync = os.fsync
        os.fsync = self._fsync  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple) -> None:
        if event in CHANGES or (event == "open" and _writes(args)):
            path = os.fspath(args[0]) if isinstance(args[0], str | os.PathLike) else ""
            if event in ("os.remove", "os.rmdir", "os.mkdir") or path.startswith(self.root):  # rmtree uses relative names
                self._count(event, path)

    def _fsync(self, handle: int) -> None:
        self._count("fsync", os.readlink(f"/proc/self/fd/{handle}"))
        self.fsync(handle)
        self.synced.add(os.fstat(handle).st_ino)

    def _count(self, what: str, path: str) -> None:
        self.step += 1
        if self.step == self.last:
            self.last = -1  # what follows is not a step
            Path(f"{self.root}.step").write_text(f"{what} {path.removeprefix(self.root)}")
            if self.power_cut:
                self._lose_unsynced()
            os.kill(os.getpid(), signal.SIGKILL)

    def _lose_unsynced(self) -> None:
        for path in Path(self.root).rglob("*"):
            if path.is_file() and path.stat().st_ino not in self.synced:
                os.truncate(path, 0)


def _writes(args: tuple) -> bool:
    flags = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def main(action: str, template: Path, work: Path, power_cut: bool) -> None:
    for step in range(1, 1000):
        root = work / str(step)
        if template.exists():
            shutil.copytree(template, root)
        child = os.fork()
        if child == 0:
            Killer(root, step, power_cut)
            try:
                ACTIONS[action](Store(root))
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(3)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), "--power-cut" in sys.argv)
