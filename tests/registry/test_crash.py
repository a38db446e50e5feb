"""kill -9 and power cuts at every step of everything that writes: never a half version, never a lost alias."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry.bundle import export_bundle, import_bundle
from registry.errors import NotFoundError
from registry.store import Store
from tests.registry.helpers import FILES, manifest, publish
from tests.registry.test_structure import exchange, filled

REPOSITORY = Path(__file__).parents[2]
CUTS = pytest.mark.parametrize(  # a power cut is a kill that loses more
    "cut", [pytest.param([], id="kill", marks=pytest.mark.slow), pytest.param(["--power-cut"], id="power-cut")]
)


@pytest.fixture
def template(tmp_path):
    """tiny@1 (champion), tiny@2, tiny@3 of prepared files, and rubbish of an earlier kill."""
    store = Store(tmp_path / "template")
    for mig in (0.1, 0.2, 0.3):
        publish(store, mig=mig)
    store.set_alias("tiny", 1, "champion")
    (store.root / "staging" / "dead").mkdir()
    (store.root / "staging" / "dead" / "half.onnx").write_bytes(b"half")
    return store


def killed_stores(action: str, template: Path, tmp_path: Path, cut: list[str]) -> list[tuple[str, Store]]:
    """Where each process was killed, and the store that it left; the last one is of the process that lived."""
    work = tmp_path / "work"
    work.mkdir()
    if (tmp_path / "bundle.tar").exists():
        shutil.copy(tmp_path / "bundle.tar", work)
    command = [sys.executable, "-m", "tests.registry.crash", action, str(template), str(work), *cut]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    killed = len(list(work.glob("*.step")))
    places = [(work / f"{step}.step").read_text() for step in range(1, killed + 1)]
    print(f"\n{action}{''.join(cut)}: {killed} steps")  # `pytest -s` shows the whole matrix
    return [(place, Store(work / str(step))) for step, place in enumerate([*places, "not killed"], 1)]


def assert_next_command_works(store: Store, place: str, outcome: object) -> None:
    """Whatever happened: everything there is intact, the next publish is the next number, gc tidies up."""
    print(f"  {place:<80} → {outcome}; verify, publish, promote and gc work")
    assert store.verify() == []
    before = store.numbers("tiny") if "tiny" in store.names() else []
    version = store.publish("tiny", FILES, manifest(0.7))
    assert version.number == max(before, default=0) + 1
    assert store.numbers("tiny") == [*before, version.number]
    store.set_alias("tiny", version.number, "next")
    store.gc(grace=0)
    assert list((store.root / "staging").iterdir()) == []
    assert not list(store.root.glob(".store.json.*"))
    assert store.verify() == []
    assert store.aliases("tiny")["next"] == version.number


@CUTS
def test_publish(template, tmp_path, cut):
    outcomes = []
    for place, store in killed_stores("publish", template.root, tmp_path, cut):
        numbers = store.numbers("tiny")
        assert numbers in ([1, 2, 3], [1, 2, 3, 4])
        assert store.aliases("tiny") == {"champion": 1}
        if numbers[-1] == 4:
            assert store.resolve("tiny").read() == FILES and store.resolve("tiny").manifest.metrics == {"mig": 0.9}
        outcomes.append(len(numbers))
        assert_next_command_works(store, place, f"versions {numbers}")
    assert outcomes == sorted(outcomes) and outcomes[0] == 3 and outcomes[-1] == 4 and len(outcomes) > 15


@CUTS
def test_first_publish_of_all(tmp_path, cut):
    stores = killed_stores("publish", tmp_path / "nothing", tmp_path, cut)
    for place, store in stores:
        assert store.names() in ([], ["tiny"])
        assert_next_command_works(store, place, f"models {store.names()}")
    assert len(stores) > 20


@CUTS
def test_promote(template, tmp_path, cut):
    outcomes = []
    for place, store in killed_stores("promote", template.root, tmp_path, cut):
        alias = store.aliases("tiny")["champion"]
        assert store.resolve("tiny@champion").number == alias
        outcomes.append(alias)
        moves = [event for event in store.events("tiny") if event.kind == "alias"]
        assert [move.details["to"] for move in moves] == ([1] if alias == 1 else [1, 2])
        assert_next_command_works(store, place, f"champion = {alias}")
        store.set_alias("tiny", 3, "champion", expect=alias)
    assert outcomes == sorted(outcomes) and outcomes[0] == 1 and outcomes[-1] == 2 and len(outcomes) >= 5


@CUTS
def test_annotate(template, tmp_path, cut):
    for place, store in killed_stores("annotate", template.root, tmp_path, cut):
        version = store.resolve("tiny", 1)
        assert (store.tags(version), store.description(version)) in (({}, ""), ({"a": "b"}, "new"))
        assert_next_command_works(store, place, store.description(version) or "old notes")


@CUTS
def test_gc(template, tmp_path, cut):
    outcomes = []
    for place, store in killed_stores("gc", template.root, tmp_path, cut):
        numbers = store.numbers("tiny")
        assert numbers in ([1, 2, 3], [1, 3])  # 1 is the champion, 3 the newest: neither may go
        assert store.aliases("tiny") == {"champion": 1}
        outcomes.append(len(numbers))
        assert store.verify() == []
        store.gc(grace=0, keep=1)  # a second one finishes the first
        assert store.numbers("tiny") == [1, 3] and list((store.root / "staging").iterdir()) == []
        assert [event.version for event in store.events("tiny") if event.kind == "retired"] == [2]
        assert_next_command_works(store, place, f"versions {numbers}")
    assert outcomes == sorted(outcomes, reverse=True) and outcomes[0] == 3 and outcomes[-1] == 2


@pytest.mark.parametrize(
    ("cut", "every"),
    [
        pytest.param([], 1, id="kill", marks=pytest.mark.slow),
        pytest.param(["--power-cut"], 1, id="power-cut", marks=pytest.mark.slow),
        pytest.param(["--power-cut"], 8, id="every eighth power-cut"),
    ],
)
def test_repair(tmp_path, cut, every):
    """Killed anywhere, the next repair goes on: nothing is deleted, and what could be had again still is."""
    damaged = filled(tmp_path / "template")
    exchange(damaged.root / "models/tiny/versions/2", damaged.root / "models/tiny/versions/3")
    shutil.rmtree(damaged.root / "models/tiny/log/2")
    (damaged.root / "models/other/versions/1/card.md").write_bytes(b"another card")
    (damaged.root / "store.json").write_bytes(b"")
    (damaged.root / "heads/other").write_bytes(b"damaged")
    stores = killed_stores("repair", damaged.root, tmp_path, cut)
    for place, store in stores[::every]:
        store.repair()
        assert store.repair() == [] and store.verify() == [], place
        assert store.numbers("tiny") == [1, 2, 3, 4] and len(store.versions("tiny")) == 4
        assert len(list(store.root.glob("quarantine/*/models/other/versions/1/card.md"))) == 1
        assert publish(store, "other").number == 2, "a lost number is not given again"
        assert_next_command_works(store, place, "repaired")
    assert len(stores) > 40


@pytest.mark.slow  # its steps are those of a publish; bundles are read before any of them
@CUTS
def test_import(published, template, tmp_path, cut):
    original = published.resolve("tiny")
    export_bundle(original, tmp_path / "bundle.tar")
    outcomes = []
    for place, store in killed_stores("import", template.root, tmp_path, cut):
        names = store.names()
        assert names in (["tiny"], ["imported", "tiny"])
        outcomes.append(len(names))
        assert store.verify() == []
        again = import_bundle(store, tmp_path / "bundle.tar", "imported")
        assert (again.number, again.digest) == (1, original.digest)
        assert_next_command_works(store, place, f"models {names}")
    assert outcomes[0] == 1 and outcomes[-1] == 2 and len(outcomes) > 15


def test_a_killed_publisher_is_not_a_version(template):
    half = template.root / "staging" / "dead"
    assert template.verify() == []
    with pytest.raises(NotFoundError):
        template.resolve("dead")
    assert template.gc() == [] and half.exists()  # younger than the grace period: somebody may be at work
    assert template.gc(grace=0) == ["left over from a killed process: staging/dead"] and not half.exists()
