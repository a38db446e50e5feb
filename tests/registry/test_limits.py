"""A full disk in the middle of a publish, and a store that cannot be written: one clear line, nothing changed.

Real file systems: a tmpfs of a few kilobytes, mounted in a namespace of its own (`unshare`), so no privileges are needed.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import WriteError
from registry.store import Store
from tests.registry.helpers import publish, snapshot

REPOSITORY = Path(__file__).parents[2]

FULL = """
import sys
from pathlib import Path
from registry.errors import WriteError
from registry.store import Store
from tests.registry.helpers import publish, snapshot
root = Path(sys.argv[1]) / "store"
versions = 0
while True:
    before = snapshot(root) if root.exists() else {}
    try:
        publish(Store(root))
        versions += 1
    except WriteError as error:
        assert "No space left" in str(error) and "\\n" not in str(error), error
        break
after = snapshot(root)
assert {name: data for name, data in after.items() if name != "store.json"} == {
    name: data for name, data in before.items() if name != "store.json"}, (before.keys(), after.keys())
store = Store(root)
assert store.verify() == []
assert len(store.names()) == (versions > 0) and (not versions or store.numbers("tiny") == list(range(1, versions + 1)))
print(versions)
"""

READ_ONLY = """
import os, subprocess, sys
from pathlib import Path
from registry import load
from registry.bundle import export_bundle
from registry.errors import WriteError
from registry.store import Store
from tests.registry.helpers import publish, snapshot
store = Store(Path(sys.argv[1]) / "store")
before = snapshot(store.root)
for action in (lambda: publish(store, "tiny"), lambda: publish(store, "new"), lambda: store.set_alias("tiny", 1, "x"),
               lambda: store.annotate(store.resolve("tiny"), description="x"), lambda: store.gc(grace=0, keep=1)):
    try:
        action()
    except WriteError as error:
        assert "Read-only" in str(error) and "\\n" not in str(error), error
    else:
        raise AssertionError("it was written")
load("tiny", registry=store.root).sample(2)
assert store.verify() == [] and store.events() and snapshot(store.root) == before
print("ok")
"""


def in_tmpfs(tmp_path, size, script, fill=""):
    """Run `script` in a namespace where `tmp_path/small` is a file system of that size."""
    place = tmp_path / "small"
    place.mkdir(exist_ok=True)
    command = f'mount -t tmpfs -o size={size} tmpfs {place} && {fill or "true"} && exec {sys.executable} -c "$SCRIPT" {place}'
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this kernel does not allow user namespaces")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command], env={"SCRIPT": script, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_full_disk_in_mid_publish(tmp_path):
    published = [int(in_tmpfs(tmp_path, f"{kilobytes}k", FULL)) for kilobytes in (4, 16, 32, 96)]
    assert published == sorted(published) and published[0] == 0 and published[-1] >= 2


def test_read_only_store(store, tmp_path):
    (store.root / "staging" / "dead").mkdir()
    fill = f"cp -r {store.root} {tmp_path}/small/ && mount -o remount,ro {tmp_path}/small"
    assert in_tmpfs(tmp_path, "4m", READ_ONLY, fill) == "ok"


@pytest.mark.parametrize("limit", [1, 10, 1000, 2500])
def test_a_file_that_cannot_grow(empty, limit):
    publish(empty)
    before = snapshot(empty.root)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        with pytest.raises(WriteError, match="nothing was changed"):
            publish(empty)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert snapshot(empty.root) == before and list((empty.root / "staging").iterdir()) == []
    assert publish(Store(empty.root)).number == 2
