"""A store in a bucket of a real S3 server of this machine: what is promised of a folder holds there, too."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest

from models.errors import UserError
from registry import load
from registry.bundle import publish_copy
from registry.errors import ConflictError, DamagedError, NotFoundError, RegistryError, UnsafeError
from registry.place import open_store
from registry.places import PLACES, open_place
from registry.remote import RemoteStore
from registry.signing import Signer, unsigned
from registry.store import Store
from tests.registry.helpers import FILES, images, key_pair, manifest, publish
from tests.s3 import Server

SPAWN = multiprocessing.get_context("spawn")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def url(bucket):
    return f"{bucket}/models/of mine"


def bucket_of(url: str) -> Any:
    place: Any = open_place(url)
    return place._store


def objects(url: str) -> dict[str, bytes]:
    bucket = bucket_of(url)
    return {each["path"]: bytes(obstore.get(bucket, each["path"]).bytes()) for each in obstore.list(bucket).collect()}


def change(url: str, key: str, data: bytes | None) -> None:
    bucket = bucket_of(url)
    obstore.delete(bucket, key) if data is None else obstore.put(bucket, key, data)


def facts(store) -> dict:
    """All that a store says, without times."""
    names = store.names()
    return {
        "versions": {str(version): (version.digest, version.read()) for name in names for version in store.versions(name)},
        "aliases": {name: store.aliases(name) for name in names},
        "events": [(event.name, event.kind, event.version, event.details) for name in names for event in store.events(name)],
        "entries": [(str(e.version), e.facts["metrics"], e.aliases, e.tags) for n in names for e in store.entries(n)[0]],
    }


def use(store) -> None:
    publish(store, mig=0.1)
    publish(store, mig=0.2)
    publish(store, "other", mig=0.3)
    store.set_alias("tiny", 1, "champion", expect=None)
    store.annotate(store.resolve("tiny"), tags={"a": "b"}, description="new")
    store.set_alias("tiny", 2, "champion", expect=1)


def test_it_says_what_a_folder_says(url, empty):
    use(empty)
    use(store := open_store(url))
    here, there = facts(empty), facts(open_store(url))
    assert here["versions"].keys() == there["versions"].keys()
    for part in ("aliases", "entries"):
        assert here[part] == there[part]
    assert [event[:3] for event in here["events"]] == [event[:3] for event in there["events"]]
    assert all(read == FILES for _, read in there["versions"].values())
    assert store.verify() == [] and store.description(store.resolve("tiny")) == "new"
    digest = store.resolve("tiny@champion").digest
    assert str(open_store(url).resolve(digest)) == "tiny@2"
    with pytest.raises(ConflictError, match="champion of tiny must point to version 1"):
        store.set_alias("tiny", 1, "champion", expect=1)
    for words in (("none",), ("tiny", 9), ("tiny@none",)):
        with pytest.raises(NotFoundError) as caught:
            store.resolve(*words)
        assert "/tmp" not in str(caught.value)
    with pytest.raises(RegistryError, match="gc needs a model store in a folder"):
        store.gc()
    with pytest.raises(RegistryError, match="repair needs a model store in a folder"):
        store.repair()


def test_every_method_of_a_store_is_one_of_a_remote_store():
    public = {name for name in vars(Store) if not name.startswith("_")}
    assert public - set(vars(RemoteStore)) == {"publish"}  # by publish_exactly


def test_publish_load_and_the_second_time_from_the_cache(published, url):
    original = published.resolve("tiny")
    store = open_store(url)
    version = publish_copy(store, "tiny", original.manifest_bytes(), original.read())
    assert (version.number, version.digest) == (1, original.digest)
    mu, _ = load("tiny", registry=url).encode(images())
    np.testing.assert_array_equal(mu, load("tiny", registry=published.root).encode(images())[0])
    for key in objects(url):
        if key.startswith("blobs/"):
            change(url, key, None)
    np.testing.assert_array_equal(load("tiny", registry=url).encode(images())[0], mu)
    assert {found.version for found in store.verify()} == {1}  # the cache hides nothing from it


# ---------------------------------------------------------------------- damage

DAMAGE = {
    "models/tiny/versions/1/published": "tiny",
    "models/tiny/versions/2/published": "tiny",
    "models/tiny/log/1/record": "tiny",
    "models/tiny/log/3/record": "tiny",
    "heads/tiny": "tiny",
    "store.json": "",
}


@pytest.mark.parametrize("change_to", [None, b"rubbish", b"x" * 2**17], ids=["gone", "changed", "long"])
@pytest.mark.parametrize("key", [*DAMAGE, "blob"])
def test_whatever_is_changed_or_gone_is_found(url, key, change_to):
    use(store := open_store(url))
    if key == "blob":
        key = "blobs/" + manifest().with_files(FILES).files["encoder.onnx"].sha256.removeprefix("sha256:")
    if key == "heads/tiny" and change_to is None:
        pytest.skip("a head is a second place; alone it can be missing")
    change(url, key, change_to)
    findings = _findings(store)
    assert findings and all("/tmp" not in found and "\n" not in found for found in findings)


def _findings(store) -> list[str]:
    try:
        return [found.problem for found in store.verify()]
    except RegistryError as error:
        return [str(error)]


@pytest.mark.parametrize("attack", ["exchange versions", "exchange records", "roll back", "double"])
def test_attacks_on_the_structure_are_found(url, attack):
    use(store := open_store(url))
    one, two = (f"models/tiny/versions/{n}/published" for n in (1, 2))
    if attack == "exchange records":
        one, two = (f"models/tiny/log/{n}/record" for n in (1, 2))
    before = objects(url)
    if attack == "roll back":
        change(url, two, None)
    elif attack == "double":
        change(url, "models/tiny/versions/3/published", before[two])
    else:
        change(url, one, before[two])
        change(url, two, before[one])
    assert store.verify() != []


def test_a_damaged_file_is_never_loaded(published, url):
    original = published.resolve("tiny")
    publish_copy(open_store(url), "tiny", original.manifest_bytes(), original.read())
    key = "blobs/" + original.manifest.files["encoder.onnx"].sha256.removeprefix("sha256:")
    change(url, key, objects(url)[key][:-1] + b"?")
    with pytest.raises(DamagedError, match=r"tiny@1 is damaged: s3://.*encoder\.onnx is not the file"):
        load("tiny", registry=url)
    again = publish_copy(open_store(url), "again", original.manifest_bytes(), original.read())
    assert open_store(url).verify() == [] and load("again", registry=url).name == str(again)


def test_names_that_lead_out_of_the_mirror_are_not_taken(url, tmp_path):
    use(store := open_store(url))
    record = objects(url)["models/tiny/versions/1/published"]
    for key in ("models/a..b/versions/1/published", "models/tiny/versions/0/published", "models/tiny/log/1/other", "models/x"):
        change(url, key, record)
    assert store.names() == ["other", "tiny"] and store.numbers("tiny") == [1, 2]


# ---------------------------------------------------------------------- several at once, and ends


def publish_many(url: str, worker: int, count: int) -> None:
    store = open_store(url)
    for number in range(count):
        version = publish(store, mig=(worker * 1000 + number) / 10_000)
        store.set_alias("tiny", version.number, f"w{worker}")


def test_racing_publishers_never_get_the_same_number_and_lose_no_record(url):
    workers = [SPAWN.Process(target=publish_many, args=(url, worker, 6)) for worker in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)
        assert each.exitcode == 0
    store = open_store(url)
    entries, damage = store.entries("tiny")
    assert damage == [] and store.numbers("tiny") == list(range(1, 19)) and store.verify() == []
    assert {entry.facts["metrics"]["mig"] for entry in entries} == {(w * 1000 + n) / 10_000 for w in range(3) for n in range(6)}
    moves = [event for event in store.events("tiny") if event.kind == "alias"]
    assert len(moves) == 18 and {each.details["alias"] for each in moves} == {"w0", "w1", "w2"}


def publish_the_same(url: str) -> None:
    mine = manifest().with_files(FILES).to_bytes()
    same = open_store(url).publish_exactly("tiny", FILES, mine, same=lambda version: version.manifest.metrics == {"mig": 0.5})
    assert same.number == 1


def test_what_several_publish_at_the_same_moment_is_there_once(url):
    workers = [SPAWN.Process(target=publish_the_same, args=(url,)) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)
        assert each.exitcode == 0
    store = open_store(url)
    assert store.numbers("tiny") == [1] and not store.resolve("tiny").claimed
    brought = store.publish_exactly("theirs", FILES, manifest(0.7).with_files(FILES).to_bytes(), claimed=True)
    assert brought.claimed and store.verify() == []


KILLED = """
import os, signal, sys
from registry.place import open_store
from registry.places._objects import Objects
from tests.registry.helpers import publish
steps, put = int(sys.argv[2]), Objects.write_once
def counted(self, key, data):
    global steps
    if key != "store.json":
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return put(self, key, data)
Objects.write_once = counted
publish(open_store(sys.argv[1]), mig=0.9)
"""


def test_a_publisher_killed_half_way_leaves_nothing_visible(url):
    publish(store := open_store(url), mig=0.1)
    ended = []
    for step in range(10):
        done = subprocess.run([sys.executable, "-c", KILLED, url, str(step)], cwd=REPOSITORY, capture_output=True, timeout=100)
        ended.append(done.returncode)
        assert store.verify() == []
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL and open_store(url).numbers("tiny") == [1], done.stderr
    assert len(ended) == 7 and ended[-1] == 0  # four files, the manifest, the record; and then it lives
    assert open_store(url).numbers("tiny") == [1, 2]


def test_a_server_that_goes_away_is_one_line(monkeypatch):
    server = Server()
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        url = f"{server.new_bucket()}/models"
        publish(store := open_store(url))
    finally:
        server.stop()
    for call in (store.names, lambda: publish(store), lambda: load("tiny", registry=url)):
        with pytest.raises(RegistryError, match=r"the model store s3://.* does not answer: ") as caught:
            call()
        assert "\n" not in str(caught.value)
    done = subprocess.run(
        [sys.executable, "-m", "registry", "list", "--registry", url], cwd=REPOSITORY, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_bad_places_are_one_line(bucket, monkeypatch):
    for url in ("ftp://host/x", "s3://", f"{bucket}-that-is-not/there", "mlflow:/x", "hf://a/b"):
        with pytest.raises(UserError) as caught:
            publish(open_store(url))
        assert "\n" not in str(caught.value)
    obstore.put(bucket_of(f"{bucket}/full"), "precious", b"x")
    with pytest.raises(RegistryError, match="needs an empty place"):
        publish(open_store(f"{bucket}/full"))
    assert objects(f"{bucket}/full") == {"precious": b"x"}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    assert open_store(f"file://{REPOSITORY}").root == REPOSITORY


def test_a_server_that_ignores_conditions_is_refused(url):
    store: Any = open_store(url)
    store.place.write_once = lambda key, data: store.place.write(key, data) is None
    with pytest.raises(RegistryError, match="needs conditional writes"):
        publish(store)
    assert set(objects(url)) == {"store.json"}


def test_every_place_says_what_it_guarantees():
    for name in PLACES.names():
        assert name in (REPOSITORY / "docs" / "stores.md").read_text() and PLACES.load(name).GUARANTEES


def test_the_command_line_takes_a_url(cli, url, published, monkeypatch):
    publish(open_store(url))
    monkeypatch.setenv("VAE_REGISTRY", url)
    assert cli("verify") == (0, "all intact\n", "")
    assert cli("promote", "tiny", "1", "champion")[0] == 0
    assert "champion" in cli("list")[1]
    status, out, _ = cli("show", "tiny", "--registry", url)
    assert status == 0 and f"{url}/models/tiny/versions/1" in out
    status, out, errors = cli("gc")
    assert (status, out, errors.count("\n")) == (2, "", 1)


def test_what_ends_in_publishing_asks_first_whether_the_place_is_there(tmp_path):
    command = ["-m", "study.run", "--space", "dsprites_capacity", "--registry", "ftp://x/y", "--out", str(tmp_path / "runs")]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n"), (tmp_path / "runs").exists()) == (2, 1, False)


def test_signatures_are_kept_there_and_asked_for(published, url, tmp_path):
    secret, public = key_pair(tmp_path, "ours")
    original, store = published.resolve("tiny"), open_store(url)
    version = publish_copy(store, "tiny", original.manifest_bytes(), original.read())
    with pytest.raises(UnsafeError, match="has no signature"):
        load("tiny", registry=url, key=public)
    where = Signer(secret).sign(store, version)
    assert load("tiny", registry=url, key=public).name == "tiny@1" and unsigned(open_store(url), None, public) == []
    assert store.verify() == []
    change(url, where.removeprefix(f"{url}/"), b"{}")
    assert len(unsigned(store, "tiny", public)) == 1


def test_what_decides_is_not_what_was_seen_a_moment_ago(url):
    one, other = open_store(url), open_store(url)
    publish(one, mig=0.1)
    publish(one, mig=0.2)
    one.set_alias("tiny", 1, "champion")
    one.names()  # it has just seen all of it
    other.set_alias("tiny", 2, "champion")
    one.set_alias("tiny", 1, "champion")  # as it was, by what it has seen
    assert open_store(url).aliases("tiny") == {"champion": 1}
