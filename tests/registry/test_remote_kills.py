"""Publishers of one bucket, killed at random moments for a while: what was answered is there, once, and nothing is half there."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from registry.place import open_store
from tests.registry.helpers import publish

PROCESSES, SECONDS = 3, 60.0
FORK = multiprocessing.get_context("forkserver")


def publish_for_ever(url: str, worker: int, answered: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)  # the fork server may be older than the bucket
    store, rng = open_store(url), random.Random()
    while True:
        version = publish(store, mig=rng.random())
        with answered.open("a") as file:
            file.write(f"{version.number} {version.digest}\n")
        store.set_alias("tiny", version.number, f"w{worker}")


@pytest.mark.slow
def test_nothing_that_was_answered_is_lost_and_no_number_is_given_twice(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url, rng, kills = f"{bucket}/models", random.Random(0), 0
    FORK.set_forkserver_preload(["tests.registry.helpers", "registry.remote"])
    answered = [tmp_path / f"answered-{worker}" for worker in range(PROCESSES)]

    def start(worker: int):
        process = FORK.Process(target=publish_for_ever, args=(url, worker, answered[worker], dict(os.environ)))
        process.start()
        return process

    running = [start(worker) for worker in range(PROCESSES)]
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS:
        time.sleep(rng.uniform(0.3, 2.5))
        worker = rng.randrange(PROCESSES)
        _kill(running[worker])
        running[worker], kills = start(worker), kills + 1
    for process in running:
        _kill(process)

    store = open_store(url)
    said = [line.split() for path in answered if path.exists() for line in path.read_text().splitlines()]
    there = {str(version.number): version.digest for version in store.versions("tiny")}
    print(f"\n{kills} kills, {len(there)} versions, {len(said)} answered")
    assert kills > 5 and len(said) > 5
    assert sorted(map(int, there)) == list(range(1, len(there) + 1))
    assert len({number for number, _ in said}) == len(said) and all(there[number] == digest for number, digest in said)
    assert store.entries("tiny")[1] == [] and store.verify() == []


def _kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join()
