"""Many processes write at once: no number is lost, none is given twice, nothing needs a lock."""

from __future__ import annotations

import multiprocessing

import pytest

from registry.errors import ConflictError
from registry.store import Store
from tests.registry.helpers import publish

SPAWN = multiprocessing.get_context("spawn")  # as on separate machines: nothing is inherited


def publish_many(root, worker, count, start):
    start.wait(60)
    for number in range(count):
        publish(Store(root), mig=(worker * 1000 + number) / 10_000)


def create_and_publish(folder, worker, count, start):
    for attempt in range(count):
        start.wait(60)  # all of them, for each attempt: they really meet
        publish(Store(folder / str(attempt)))


def take_the_alias(root, worker, count, start, wins):
    store = Store(root)
    start.wait(60)
    for _ in range(count):
        now = store.aliases("tiny")["baton"]
        try:
            store.set_alias("tiny", 3 - now, "baton", expect=now)
            wins.put((worker, now))
        except ConflictError:
            pass


def run_together(target, processes, *arguments):
    start = SPAWN.Barrier(processes)
    workers = [
        SPAWN.Process(target=target, args=(arguments[0], index, arguments[1], start, *arguments[2:]))
        for index in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * processes


def assert_all_there(store, processes, count):
    assert store.numbers("tiny") == list(range(1, processes * count + 1))
    metrics = {version.manifest.metrics["mig"] for version in store.versions("tiny")}
    assert metrics == {(worker * 1000 + number) / 10_000 for worker in range(processes) for number in range(count)}
    assert store.verify() == []
    assert list((store.root / "staging").iterdir()) == []


def test_four_processes_publish_into_a_store_that_does_not_exist_yet(empty):
    run_together(publish_many, 4, empty.root, 8)
    assert_all_there(empty, 4, 8)


@pytest.mark.slow
def test_eight_processes_create_the_store_at_the_same_moment(tmp_path):
    run_together(create_and_publish, 8, tmp_path, 20)
    for attempt in range(20):
        store = Store(tmp_path / str(attempt))
        assert store.numbers("tiny") == list(range(1, 9)) and store.verify() == []


@pytest.mark.slow
def test_eight_processes_publish_fifty_versions_each(empty):
    run_together(publish_many, 8, empty.root, 50)
    assert_all_there(empty, 8, 50)


def test_compare_and_swap_has_one_winner_each_time(empty):
    publish(empty)
    publish(empty)
    empty.set_alias("tiny", 1, "baton")
    wins = SPAWN.Queue()
    run_together(take_the_alias, 3, empty.root, 20, wins)
    moves = [event for event in empty.events("tiny") if event.kind == "alias"][1:]
    won = [wins.get(timeout=10) for _ in moves]
    assert wins.empty() and len(won) >= 20  # somebody wins every round
    assert [move.details["from"] for move in moves] == [1 + index % 2 for index in range(len(moves))]
