"""After every attack on the structure: repaired, everything works again, and nothing that was there is gone."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from registry.commands import app
from registry.console import run
from registry.errors import DamagedError, RegistryError
from registry.history import gone_in
from registry.store import Store
from tests.registry.helpers import publish, snapshot
from tests.registry.test_structure import ATTACKS, filled

LOST = {  # what cannot be had again, by attack: models' versions
    "the newest version is gone": {"tiny@4"},
    "a model's folder is gone": {"other@1"},
    "everything is rolled back": {"tiny@4"},
    "a record is rewritten": {"tiny@2"},
    **{f"a file is {what}": {"tiny@3"} for what in ("a link", "a link to an endless one", "a pipe", "of another size")},
}


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path / "store")


def contents(store: Store) -> Counter[bytes]:
    """Every file by its content, wherever it is; heads and store.json are written anew."""
    files = snapshot(store.root)
    return Counter(data for path, data in files.items() if not path.startswith("heads/") and path != "store.json")


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_repaired(store, attack):
    ATTACKS[attack][0](store)
    before = contents(store)
    said = store.repair()
    assert said and all("\n" not in line for line in said)
    assert store.verify() == [], said
    assert {line.split()[0] for line in said if " is lost" in line and "@" in line.split()[0]} == LOST.get(attack, set()), said
    assert not before - contents(store), "something was deleted"
    assert store.repair() == []

    names = store.names()
    assert "tiny" in names and all(store.entries(name)[1] == [] for name in names)
    there = [*store.numbers("tiny"), *(int(name[5:]) for name in LOST.get(attack, ()) if name.startswith("tiny"))]
    assert sorted(there) == [1, 2, 3, 4]
    newest = publish(store, "tiny", 0.8)
    assert newest.number == 5
    store.set_alias("tiny", 5, "champion")
    assert store.aliases("tiny")["champion"] == 5
    assert publish(store, "other").number == 2
    store.annotate(newest, tags={"after": "repair"})
    del newest
    store.gc(grace=0, keep=1)
    assert store.numbers("tiny")[-1] == 5 and store.verify() == []


def test_an_intact_store_is_left_as_it_is(store):
    before = snapshot(store.root)
    assert store.repair() == [] and snapshot(store.root) == before


def test_a_damaged_file_costs_its_version_only_and_its_alias_is_named(store):
    card = store.root / "models/tiny/versions/3/card.md"
    card.write_bytes(card.read_bytes() + b"!")
    (store.root / "models/tiny/versions/2/extra").write_bytes(b"left here")
    assert [finding.version for finding in store.verify()] == [2, 3]
    said = store.repair()
    assert any("tiny@3 is lost; champion pointed to it: promote another" in line for line in said)
    assert store.verify() == [] and store.numbers("tiny") == [1, 2, 4]
    kept = sorted(
        path.relative_to(store.root / "quarantine").as_posix().split("/", 1)[1] for path in store.root.glob("quarantine/*/**/*")
    )
    assert {"models/tiny/versions/3/card.md", "models/tiny/versions/2/extra", "report.txt"} <= set(kept)


def test_several_log_entries_at_once(store):
    (store.root / "models/tiny/log/1/record").write_bytes(b"damaged")
    shutil.rmtree(store.root / "models/tiny/log/2")
    (store.root / "models/tiny/log/4/record").write_bytes(b"damaged")
    with pytest.raises(DamagedError):
        store.set_alias("tiny", 1, "champion")
    assert publish(store, "tiny").number == 5, "a damaged log does not keep anybody from publishing"
    assert store.gc(grace=0, keep=1)[0].startswith("nothing of tiny: ")
    store.repair()
    assert store.verify() == [] and [event.kind for event in store.events("tiny")].count("gap") == 3
    assert store.description(store.resolve("tiny", 1)) == "kept", "entry 3 is whole and still counts"


def test_one_damaged_version_keeps_nobody_from_anything(store):
    (store.root / "models/tiny/versions/2/published").write_bytes(b"damaged")
    assert [version.number for version in store.versions("tiny")] == [1, 3, 4]
    assert len(store.gc(grace=0, keep=1)) == 1 and store.numbers("tiny") == [2, 3, 4]
    store.set_alias("tiny", 4, "champion")
    assert publish(store, "tiny").number == 5 and len(store.events("tiny")) > 5
    store.repair()
    assert store.verify() == [] and store.numbers("tiny") == [3, 4, 5]


def test_a_damaged_head_or_store_file(store):
    """A damaged head keeps its model from being changed, since nobody knows which numbers were given; others go on."""
    (store.root / "heads/tiny").write_bytes(b"damaged")
    with pytest.raises(DamagedError, match="heads/tiny"):
        publish(store, "tiny")
    assert publish(store, "other").number == 2 and len(store.entries("tiny")[0]) == 4
    (store.root / "store.json").write_bytes(b"damaged")
    with pytest.raises(DamagedError, match=r"store\.json"):
        store.names()
    store.repair()
    assert store.verify() == [] and publish(store, "tiny").number == 5


def test_a_number_that_is_lost_stays_lost_whatever_becomes_of_the_head(store):
    shutil.rmtree(store.root / "models/tiny/versions/4")
    store.repair()
    (store.root / "heads/tiny").write_bytes(b"damaged")
    store.repair()
    assert store.verify() == [] and publish(store, "tiny").number == 5


def test_a_publisher_beside_a_repair_takes_no_number_that_is_being_freed(store, monkeypatch):
    """With the head aside and the newest version, too, nobody knew that its number had been given."""
    (store.root / "heads/tiny").write_bytes(b"damaged")
    (store.root / "models/tiny/versions/4/card.md").write_bytes(b"damaged")
    rename, published = os.rename, []

    def meanwhile(source, target):
        rename(source, target)
        if Path(source).name == "4" and "quarantine" in str(target):
            published.append(publish(store, "tiny").number)

    monkeypatch.setattr("registry.repair.os.rename", meanwhile)
    said = store.repair()
    assert published == [5] and store.numbers("tiny") == [1, 2, 3, 5] and store.verify() == [], said


def test_gc_beside_a_repair_takes_what_it_looks_at(store, monkeypatch):
    """What is retired while it looks is neither damage nor loss."""
    (store.root / "models/tiny/log/2/record").write_bytes(b"damaged")
    taken = []

    def meanwhile(log):
        found = gone_in(log)
        if not taken:
            taken.extend(store.gc(grace=0, keep=1))
        return found

    monkeypatch.setattr("registry.repair.gone_in", meanwhile)
    said = store.repair()
    assert taken and not any("@" in line for line in said) and store.verify() == []


def test_how_to_make_a_lost_version_again(store):
    """Its manifest is whole and knows its study; the folder is named also when an earlier repair was killed."""
    card = store.root / "models/tiny/versions/3/card.md"
    card.write_bytes(b"damaged")
    lost = next(line for line in store.repair() if line.startswith("tiny@3"))
    assert lost.startswith("tiny@3 is lost; champion pointed to it: promote another; what is left of it is in quarantine/")
    assert lost.endswith("/models/tiny/versions/3; where its study still is, "
                         "`python -m study.publish tiny --trial 7 --name tiny` makes it again")  # fmt: skip


def test_what_a_newer_program_wrote_is_not_repaired(store):
    (store.root / "store.json").write_text('{"format": 2}')
    before = snapshot(store.root)
    with pytest.raises(RegistryError, match="format 2"):
        store.repair()
    assert snapshot(store.root) == before


def test_the_command(store, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr("sys.argv", ["registry", *arguments, "--registry", str(store.root)])
        with pytest.raises(SystemExit) as ended:
            run(app)
        return ended.value.code or 0, capsys.readouterr().out

    assert said("repair") == (0, "all intact: nothing to do\n")
    shutil.rmtree(store.root / "models/tiny/versions/4")
    assert said("verify") == (1, "tiny@4 is missing\n`python -m registry repair` moves aside what is damaged, and goes on\n")
    assert said("repair") == (0, "tiny@4 is lost; candidate pointed to it: promote another\n")
    assert said("verify") == (0, "all intact\n")
    assert "lost" in said("history", "tiny")[1]
