"""The store: versions, aliases, notes, events; what it refuses; that a refusal changes nothing."""

from __future__ import annotations

import json

import pytest

from registry.errors import ConflictError, DamagedError, NotFoundError, RegistryError
from registry.manifest import parse_manifest
from registry.store import Store
from tests.registry.helpers import CONDITIONAL, FILES, manifest, publish, snapshot


@pytest.fixture
def three(empty):
    for mig in (0.1, 0.2, 0.3):
        publish(empty, mig=mig)
    return empty


# ---------------------------------------------------------------------- versions


def test_versions_count_from_one_and_keep_their_files(three):
    assert [version.number for version in three.versions("tiny")] == [1, 2, 3]
    assert [version.manifest.metrics["mig"] for version in three.versions("tiny")] == [0.1, 0.2, 0.3]
    assert three.resolve("tiny", 2).read() == FILES
    assert three.names() == ["tiny"] and three.verify() == []


def test_a_published_version_never_changes(three):
    before = snapshot(three.root / "models" / "tiny" / "versions" / "2")
    publish(three, mig=0.4)
    three.set_alias("tiny", 2, "champion")
    three.annotate(three.resolve("tiny", 2), description="edited")
    three.gc(grace=0, keep=1)
    assert snapshot(three.root / "models" / "tiny" / "versions" / "2") == before


def test_every_kind_of_reference(three):
    three.set_alias("tiny", 2, "champion")
    second = three.resolve("tiny", 2)
    for reference in ("tiny@2", "tiny@champion", second.digest, second.digest[:20]):
        assert three.resolve(reference) == second
    assert three.resolve("tiny") == three.resolve("tiny@latest") == three.resolve("tiny@3")


def test_the_digest_is_the_content_not_the_place(three, tmp_path):
    version = three.resolve("tiny", 1)
    other = Store(tmp_path / "other")
    publish(other, "unrelated")
    copy = other.publish_exactly("renamed", version.read(), version.manifest_bytes())
    assert copy.digest == version.digest and other.resolve(version.digest) == copy


@pytest.mark.parametrize(
    ("reference", "version"),
    [("other", None), ("tiny", 4), ("tiny", 0), ("tiny@9", None), ("tiny@champion", None), ("sha256:" + "0" * 64, None)],
)
def test_what_is_not_there_is_one_line(three, reference, version):
    with pytest.raises(NotFoundError) as caught:
        three.resolve(reference, version)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "version"),
    [("tiny@2", 2), ("Tiny", None), ("../tiny", None), ("tiny@", None), ("sha256:12", None), ("", None)],
)
def test_what_is_no_reference(three, reference, version):
    with pytest.raises(RegistryError):
        three.resolve(reference, version)


def test_reading_a_store_that_does_not_exist_creates_nothing(empty):
    assert empty.names() == [] and empty.verify() == [] and empty.events() == [] and empty.gc() == []
    with pytest.raises(NotFoundError, match="no model store"):
        empty.resolve("tiny")
    with pytest.raises(NotFoundError, match="no model store"):
        empty.set_alias("tiny", 1, "champion")
    assert not empty.root.exists()


# ---------------------------------------------------------------------- publishing is refused


def refusing(_folder):
    raise RegistryError("the gate says no")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../up"},
        {"name": "a/b"},
        {"name": "Tiny"},
        {"name": "con"},
        {"name": "tiny\n"},
        {"files": {"../x": b""}},
        {"files": {"a/b/c": b""}},
        {"files": {"/etc/passwd": b""}},
        {"files": {"manifest.json": b"{}"}},
        {"files": {"published": b""}},
        pytest.param({"gate": refusing}, id="gate"),
    ],
    ids=str,
)
def test_a_refused_publish_changes_nothing(three, change):
    before = snapshot(three.root)
    arguments = {"name": "tiny", "files": FILES, "manifest": manifest(), "gate": None} | change
    with pytest.raises(RegistryError) as caught:
        three.publish(arguments["name"], arguments["files"], arguments["manifest"], gate=arguments["gate"])
    assert "\n" not in str(caught.value)
    assert snapshot(three.root) == before and list((three.root / "staging").iterdir()) == []


def test_the_gate_sees_what_will_be_published(empty):
    seen = {}
    version = empty.publish("tiny", FILES, manifest(), gate=lambda folder: seen.update(snapshot(folder)))
    assert seen == snapshot(version.folder)


def test_any_error_in_the_gate_leaves_no_version(three):
    def broken(_folder):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        three.publish("tiny", FILES, manifest(), gate=broken)
    assert three.numbers("tiny") == [1, 2, 3] and list((three.root / "staging").iterdir()) == []


def test_a_manifest_must_list_exactly_its_files(three):
    data = manifest().with_files(FILES).to_bytes()
    with pytest.raises(RegistryError, match="the manifest lists"):
        three.publish_exactly("tiny", {"encoder.onnx": FILES["encoder.onnx"]}, data)
    with pytest.raises(DamagedError, match=r"card\.md"):
        three.publish_exactly("tiny", FILES | {"card.md": b"# lies\n"}, data)


def test_a_newer_store_is_refused(three):
    (three.root / "store.json").write_text('{"format": 2}')
    for action in (three.names, three.verify, three.gc, lambda: publish(three), lambda: three.resolve("tiny")):
        before = snapshot(three.root)
        with pytest.raises(RegistryError, match="format 2, but this program reads 1"):
            action()
        assert snapshot(three.root) == before


def test_a_newer_manifest_is_refused(three):
    data = json.loads(manifest().with_files(FILES).to_bytes()) | {"format": 2}
    with pytest.raises(RegistryError, match="format 2, but this program reads 1"):
        three.publish_exactly("tiny", FILES, json.dumps(data).encode())


def test_a_damaged_store_file_is_said_so(three):
    (three.root / "store.json").write_text("{")
    with pytest.raises(DamagedError, match=r"store\.json"):
        three.names()


def test_a_folder_of_something_else_does_not_become_a_store(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RegistryError, match="needs an empty folder"):
        publish(Store(tmp_path))
    assert snapshot(tmp_path) == {"thesis.tex": b"precious"}


def test_a_file_is_not_a_store(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RegistryError):
        publish(Store(tmp_path / "file"))
    with pytest.raises(NotFoundError):
        Store(tmp_path / "file").resolve("tiny")


# ---------------------------------------------------------------------- aliases


def test_an_alias_moves_and_remembers(three):
    three.set_alias("tiny", 1, "champion")
    three.set_alias("tiny", 3, "champion")
    three.set_alias("tiny", 2, "candidate")
    assert three.aliases("tiny") == {"candidate": 2, "champion": 3}
    moves = [(event.details["from"], event.details["to"]) for event in three.events("tiny") if event.kind == "alias"]
    assert moves == [(None, 1), (1, 3), (None, 2)]


def test_an_alias_can_be_taken_away(three):
    three.set_alias("tiny", 1, "champion")
    three.set_alias("tiny", None, "champion")
    with pytest.raises(NotFoundError, match="has no alias 'never-there'"):
        three.set_alias("tiny", None, "never-there")
    assert three.aliases("tiny") == {}


def test_pointing_to_the_same_version_again_is_no_event(three):
    three.set_alias("tiny", 1, "champion")
    three.set_alias("tiny", 1, "champion")
    assert len([event for event in three.events("tiny") if event.kind == "alias"]) == 1


@pytest.mark.parametrize(("expect", "version"), [(None, 2), (2, 3), (9, 3)])
def test_compare_and_swap(three, expect, version):
    three.set_alias("tiny", 1, "champion")
    before = snapshot(three.root)
    with pytest.raises(ConflictError, match="points to version 1"):
        three.set_alias("tiny", version, "champion", expect=expect)
    assert snapshot(three.root) == before
    three.set_alias("tiny", version, "champion", expect=1)
    assert three.aliases("tiny") == {"champion": version}


@pytest.mark.parametrize(
    ("version", "alias"), [(4, "champion"), (0, "x"), (1, "latest"), (1, "3"), (1, "A"), (1, "../x"), (1, "")]
)
def test_a_refused_alias_changes_nothing(three, version, alias):
    before = snapshot(three.root)
    with pytest.raises(RegistryError):
        three.set_alias("tiny", version, alias)
    assert snapshot(three.root) == before


# ---------------------------------------------------------------------- notes, events, gc


def test_tags_and_description_start_from_the_manifest_and_can_be_edited(empty):
    version = empty.publish("tiny", FILES, manifest(tags={"a": "1", "b": "2"}, description="first"))
    empty.annotate(version, tags={"b": None, "c": "3"})
    assert (empty.tags(version), empty.description(version)) == ({"a": "1", "c": "3"}, "first")
    empty.annotate(version, description="second")
    assert (empty.tags(version), empty.description(version)) == ({"a": "1", "c": "3"}, "second")
    assert empty.verify() == []


def test_events_tell_the_whole_story_in_order(three):
    three.set_alias("tiny", 1, "champion")
    three.annotate(three.resolve("tiny", 2), description="x")
    publish(three, "another")
    events = three.events()
    assert [event.kind for event in events] == ["published"] * 3 + ["alias", "noted", "published"]
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert all("@" in event.by for event in events)
    assert {event.name for event in three.events("tiny")} == {"tiny"}


def test_gc_keeps_the_newest_the_aliased_and_the_young(three):
    publish(three, mig=0.4)
    three.set_alias("tiny", 2, "champion")
    assert three.gc(keep=1) == []  # all are younger than a day
    planned = three.gc(grace=0, keep=1, dry_run=True)
    assert len(planned) == 2 and three.numbers("tiny") == [1, 2, 3, 4]
    assert three.gc(grace=0, keep=1) == planned
    assert three.numbers("tiny") == [2, 4] and three.verify() == []
    assert [event.version for event in three.events("tiny") if event.kind == "retired"] == [1, 3]
    with pytest.raises(NotFoundError, match="its versions are 2, 4"):
        three.resolve("tiny", 3)
    assert publish(three).number == 5  # a number is never used again


@pytest.mark.parametrize("bad", [{"keep": 0}, {"grace": -1}])
def test_gc_refuses_senseless_limits(three, bad):
    with pytest.raises(RegistryError, match="must hold"):
        three.gc(**bad)
    assert three.numbers("tiny") == [1, 2, 3]


def test_a_manifest_that_contradicts_itself_is_refused():
    good = json.loads(manifest().to_bytes())
    other = json.loads(manifest(config=CONDITIONAL).to_bytes())
    wrong_size = {"preprocessing": good["preprocessing"] | {"size": [9, 9]}}
    for change in ({"signature": other["signature"]}, wrong_size, {"parity": None}):
        with pytest.raises(RegistryError, match="must"):
            parse_manifest(json.dumps(good | change).encode())
    assert parse_manifest(json.dumps(good).encode()) == parse_manifest(manifest(created=good["created"]).to_bytes())
