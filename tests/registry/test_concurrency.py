"""Many processes write at once: no number is lost, none is given twice, nothing needs a lock."""

from __future__ import annotations

import contextlib
import multiprocessing

import pytest

from registry.disk import claim
from registry.errors import ConflictError, NotFoundError
from registry.store import Store
from tests.registry.helpers import FILES, manifest, publish

SPAWN = multiprocessing.get_context("spawn")  # as on separate machines: nothing is inherited


def publish_many(root, worker, count, start):
    start.wait(60)
    for number in range(count):
        publish(Store(root), mig=(worker * 1000 + number) / 10_000)


def create_and_publish(folder, worker, count, start):
    for attempt in range(count):
        start.wait(60)  # all of them, for each attempt: they really meet
        publish(Store(folder / str(attempt)))


def publish_the_same(folder, worker, count, start):
    mine = manifest().with_files(FILES).to_bytes()
    for attempt in range(count):
        store = Store(folder / str(attempt))
        start.wait(60)
        same = store.publish_exactly("tiny", FILES, mine, same=lambda version: version.manifest.metrics == {"mig": 0.5})
        assert same.number == 1


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


def look_around(root, stop, told):
    """Everything that a reader does: lists, aliases, one version and all its files, the whole check."""
    store, looks = Store(root), 0
    while not stop.is_set():
        if store.names():
            read_one(store.resolve("tiny"))
            read_one(store.resolve("tiny@first"))
            entries, damage = store.entries("tiny")
            assert damage == [] and entries[0].version.number >= len(entries)
            old = store.versions("tiny")[0]
            with contextlib.suppress(NotFoundError):  # from a list, so not held
                read_one(old)
            findings = store.verify()
            assert findings == [], findings
            assert store.events("tiny")
            looks += 1
    told.put(("looks", looks))


def read_one(version):
    assert version.read() == FILES and version.manifest.metrics["mig"] is not None


def collect_all(root, stop, told):
    """The most reckless gc there is: no grace, and one version is enough."""
    taken = 0
    while not stop.is_set():
        taken += len(Store(root).gc(grace=0, keep=1))
    told.put(("taken", taken))


def repair_nothing(root, stop, told):
    """Nothing is damaged, so a repair has nothing to do, whatever is being published, killed or taken away."""
    looks = 0
    while not stop.is_set():
        done = Store(root).repair()
        assert done == [], done
        looks += 1
    told.put(("repairs", looks))


def run_with_helpers(root, publishers, count, readers):
    """Publishers beside `gc` and readers; what the helpers told."""
    stop, told = SPAWN.Event(), SPAWN.Queue()
    targets = [collect_all, collect_all, repair_nothing, *[look_around] * readers]
    helpers = [SPAWN.Process(target=target, args=(root, stop, told)) for target in targets]
    for helper in helpers:
        helper.start()
    try:
        run_together(publish_many, publishers, root, count)
    finally:
        stop.set()
        said = [told.get(timeout=120) for helper in helpers] if all(helper.exitcode is None for helper in helpers) else []
        for helper in helpers:
            helper.join(120)
    assert [helper.exitcode for helper in helpers] == [0] * len(helpers)
    return {what: sum(number for key, number in said if key == what) for what in ("taken", "looks")}


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


def test_what_several_publish_at_the_same_moment_is_there_once(tmp_path):
    """They all looked, found nothing, and published: the same model four times."""
    run_together(publish_the_same, 4, tmp_path, 6)
    for attempt in range(6):
        store = Store(tmp_path / str(attempt))
        assert store.numbers("tiny") == [1] and store.verify() == [] and not list((store.root / "staging").iterdir())


def test_a_number_that_others_took_and_gc_freed_is_not_taken_again(empty, monkeypatch):
    """Between writing the number down and claiming it two others publish, and `gc` takes the first of theirs away."""
    publish(empty)
    meanwhile = []

    def late(staged, series, number):
        if not meanwhile:
            meanwhile.append(number)
            meanwhile.extend([publish(empty).number, publish(empty).number])
            empty.gc(grace=0, keep=1)
        return claim(staged, series, number)

    monkeypatch.setattr("registry.store.claim", late)
    assert publish(empty, mig=0.9).number == 4 and meanwhile == [2, 2, 3]
    assert empty.numbers("tiny") == [2, 3, 4] and empty.verify() == []


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


def published_and_gone(store, publishers, count):
    """Nothing is lost: every number was published or retired, every retired one once, and every model is what was given."""
    numbers = list(range(1, publishers * count + 1))
    retired = [event.version for event in store.events("tiny") if event.kind == "retired"]
    assert sorted(store.numbers("tiny") + retired) == numbers
    assert store.verify() == [] and store.gc(grace=0) == [] and list((store.root / "staging").iterdir()) == []
    assert store.numbers("tiny")[-1] == numbers[-1] and store.resolve("tiny@first").number == 1


def with_an_alias(store):
    publish(store)
    store.set_alias("tiny", 1, "first")


def test_readers_and_publishers_never_see_gc(empty):
    """It took the folder from under a publisher, who then wrote half a version, and versions from under readers."""
    with_an_alias(empty)
    told = run_with_helpers(empty.root, 4, 6, readers=2)
    assert told["taken"] > 0 and told["looks"] > 0
    assert empty.numbers("tiny")[-1] == 25
    published_and_gone(empty, 1, 25)


@pytest.mark.slow
def test_eight_racing_publishers_beside_readers_and_gc(empty):
    with_an_alias(empty)
    told = run_with_helpers(empty.root, 8, 50, readers=4)
    print(f"\n400 versions published beside two gc: {told['taken']} taken away, {told['looks']} looks, 0 lost, 0 errors")
    published_and_gone(empty, 1, 401)


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
