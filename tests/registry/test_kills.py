"""Publishers that are killed at any moment, beside readers, `gc` and `repair`: what was acknowledged is there, and whole."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from registry.errors import NotFoundError
from registry.store import Store
from tests.registry.helpers import publish
from tests.registry.test_concurrency import collect_all, look_around, repair_nothing

FORKED = multiprocessing.get_context("forkserver")  # a new process in milliseconds, without this one's state
PUBLISHERS, KILLS = 4, 15


@pytest.fixture(scope="module", autouse=True)
def ready():
    FORKED.set_forkserver_preload(["registry.store", "tests.registry.test_concurrency"])


def publish_until_killed(root: Path, acknowledged: Path, seed: int) -> None:
    """Publish and promote for ever; each version that `publish` returned is noted in one write."""
    store, values = Store(root), random.Random(seed)
    notes = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        mig = values.random()
        version = publish(store, mig=mig)
        os.write(notes, f"{version.number} {mig!r}\n".encode())
        if values.random() < 0.3:
            with contextlib.suppress(NotFoundError):  # it was retired in the meantime, as it may be
                del version
                store.set_alias("tiny", store.numbers("tiny")[-1], "champion")


@pytest.mark.parametrize("rounds", [1, pytest.param(134, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_killed_publishers_beside_readers_gc_and_repair(tmp_path, rounds):
    """15 kills a round, each round in a store of its own: every entry of a log is read before the next one is written."""
    totals: Counter[str] = Counter()
    for number in range(rounds):
        store = Store(tmp_path / str(number))
        publish(store)
        store.set_alias("tiny", 1, "first")
        totals.update(beside_helpers(store, tmp_path / f"{number}.txt", random.Random(number)))
        totals.update(assert_nothing_lost(store, tmp_path / f"{number}.txt"))
        shutil.rmtree(store.root)
    print(f"\n{rounds * KILLS} kills: {dict(totals)}, 0 lost, 0 errors")


def beside_helpers(store: Store, notes: Path, moments: random.Random) -> Counter[str]:
    """A round of kills beside a `gc`, two readers and a `repair`, none of which may fail; what they told."""
    stop, told = FORKED.Event(), FORKED.Queue()
    targets = (collect_all, look_around, look_around, repair_nothing)
    helpers = [FORKED.Process(target=each, args=(store.root, stop, told)) for each in targets]
    for helper in helpers:
        helper.start()
    try:
        kill_publishers(store.root, notes, moments)
    finally:
        stop.set()
    for helper in helpers:
        helper.join(120)
    assert [helper.exitcode for helper in helpers] == [0] * len(helpers)
    said: Counter[str] = Counter()
    for what, count in [told.get(timeout=10) for _ in helpers]:
        said[what] += count
    return said


def kill_publishers(root: Path, notes: Path, moments: random.Random) -> None:
    """Four publishers are at work; again and again one of them is killed and replaced."""
    running: list[Any] = []
    try:
        for _ in range(KILLS):
            while len(running) < PUBLISHERS:
                running.append(FORKED.Process(target=publish_until_killed, args=(root, notes, moments.randrange(2**32))))
                running[-1].start()
            time.sleep(moments.uniform(0.001, 0.1))
            victim = running.pop(moments.randrange(PUBLISHERS))
            assert victim.exitcode is None, "a publisher ended by itself"
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
    finally:
        for process in running:
            process.kill()
            process.join()


def assert_nothing_lost(store: Store, notes: Path) -> Counter[str]:
    acknowledged = dict(line.split() for line in notes.read_text().splitlines()) if notes.exists() else {}
    retired = {event.version for event in store.events("tiny") if event.kind == "retired"}
    there = {version.number: version.manifest.metrics["mig"] for version in store.versions("tiny")}
    assert sorted([*there, *retired]) == list(range(1, max(there) + 1)), "a number was lost"
    assert {int(number) for number in acknowledged} <= {*there, *retired}
    assert all(there[int(number)] == float(mig) for number, mig in acknowledged.items() if int(number) in there)
    assert store.verify() == [] and store.resolve("tiny@first").number == 1
    store.gc(grace=0)
    assert list((store.root / "staging").iterdir()) == []
    return Counter({"acknowledged": len(acknowledged), "retired": len(retired)})
