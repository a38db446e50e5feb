"""A mirror keeps its promises at every kind of store that can run here, and says in one line what does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import UserError
from study.records.mirror import AwayError, Mirror, below, check_url
from tests.s3 import Server


@pytest.fixture(params=["s3", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    place = request.getfixturevalue("bucket") if request.param == "s3" else (tmp_path / "shared").as_uri()
    return f"{place}/runs/a-study"


def file(folder: Path, name: str, content: bytes = b"content") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 40_000])
def test_what_is_pushed_here_is_pulled_there(tmp_path: Path, url: str, content: bytes) -> None:
    here, there = Mirror(tmp_path / "here", url), Mirror(tmp_path / "there", url)
    here.push(file(here.local, "models/a-0.vae", content))
    assert there.pull(there.local / "models" / "a-0.vae")
    assert (there.local / "models" / "a-0.vae").read_bytes() == content
    assert there.there() == {there.local / "models" / "a-0.vae": len(content)}
    assert there.holds(there.local / "models" / "a-0.vae") and not there.holds(there.local / "models")


def test_the_last_push_is_what_is_there(tmp_path: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "here", url)
    mirror.push(file(mirror.local, "a", b"long, and then"))
    mirror.push(file(mirror.local, "a", b"short"))
    assert mirror.content(mirror.local / "a") == b"short"


def test_what_is_not_there_is_said_and_nothing_is_made_of_it(tmp_path: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "here", url)
    missing = mirror.local / "histories" / "b-0.json"
    assert not mirror.pull(missing) and mirror.content(missing) is None and not mirror.holds(missing) and mirror.there() == {}
    mirror.push(missing)
    mirror.delete(missing)
    assert mirror.there() == {} and not mirror.local.exists()


def test_a_pull_replaces_what_is_here_only_by_what_is_there(tmp_path: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "here", url)
    path = file(mirror.local, "a", b"first")
    assert mirror.pull(path) and path.read_bytes() == b"first", "the store has nothing: what is here stays"
    mirror.push(path)
    path.write_bytes(b"second")
    assert mirror.pull(path) and path.read_bytes() == b"first"


def test_what_is_deleted_is_gone_on_both_sides(tmp_path: Path, url: str) -> None:
    mirror = Mirror(tmp_path / "here", url)
    path = file(mirror.local, "checkpoints/a-0.ckpt")
    mirror.push(path, file(mirror.local, "study.json"))
    mirror.delete(path)
    assert not path.exists() and list(mirror.there()) == [mirror.local / "study.json"]


def test_without_a_url_a_folder_stands_for_itself(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path, None)
    path = file(tmp_path, "a")
    mirror.push(path)
    assert mirror.pull(path) and mirror.there() == {} and not mirror.holds(path)
    mirror.delete(path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_bucket_is_one_line(tmp_path: Path, bucket: str) -> None:
    mirror = Mirror(tmp_path, "s3://no-such-bucket/runs")
    with pytest.raises(AwayError, match=r"^the store at s3://no-such-bucket/runs cannot be used: [^\n]*NO_SUCH_BUCKET[^\n]*$"):
        mirror.push(file(tmp_path, "a"))


def test_a_store_that_is_away_is_one_line_and_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Server()
    for name, value in away.environment.items():
        monkeypatch.setenv(name, value)
    mirror = Mirror(tmp_path, f"{away.new_bucket()}/runs")
    path = file(tmp_path, "a")
    away.stop()
    with ThreadPoolExecutor() as pool:  # the client tries for seconds
        asked = [pool.submit(ask, path) for ask in (mirror.push, mirror.pull, mirror.holds)]
    for each in asked:
        with pytest.raises(AwayError, match=r"^the store at [^\n]* cannot be used: [^\n]*$"):
            each.result()
    assert path.read_bytes() == b"content"


def test_a_store_that_comes_back_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    server = Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    mirror = Mirror(tmp_path, f"{server.new_bucket()}/runs", patience=120)
    server.stop()

    def back() -> None:
        server.start()
        server.files().create_dir("bucket-0")

    thread = threading.Timer(1, back)
    thread.start()
    try:
        mirror.push(file(tmp_path, "a"))
        assert mirror.content(tmp_path / "a") == b"content"
    finally:
        thread.join()
        server.stop()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/runs", r"unknown kind of URL 'ftp': choose one of s3://, gs://, file://"),
        ("s3:///runs", "a URL must read s3://BUCKET/PREFIX"),
        ("s3:/bucket/runs", "a URL must read s3://BUCKET/PREFIX"),
        ("file://host/runs", "a URL must read"),
        ("s3://key:secret@bucket/runs", "must not hold a secret"),
        ("s3://bucket/runs?secret_key=x", "must not hold a secret"),
        ("s3://bucket/runs?region=eu&fast=1", "is not a URL of a store: [^\n]*fast"),
    ],
)
def test_a_bad_url_is_refused_before_anybody_is_asked(url: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_url(url)


def test_a_name_goes_before_the_options() -> None:
    assert below("file:///a/b/", "c") == "file:///a/b/c" and below("s3://b", "c") == "s3://b/c"
