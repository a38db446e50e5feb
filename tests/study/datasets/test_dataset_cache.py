"""Caches are complete or absent, made once, made again when damaged; downloads are checked and give up quickly."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from study.datasets._cache import open_array, prepared, save_chunks
from study.datasets._download import CONNECT_SECONDS, DownloadError, download, file_md5


def fill(value):
    """A `build` that writes one array of `value`."""

    def build(place):
        save_chunks(place / "images.npy", (3,), [np.full((2, 3), value, np.uint8)] * 2)
        return {"value": value}

    return build


def refuse(place):
    raise AssertionError("must not be made again")


def test_made_once_then_opened(tmp_path):
    assert prepared(tmp_path / "a" / "set", {"k": (1, 2)}, fill(7)) == {"value": 7}
    assert prepared(tmp_path / "a" / "set", {"k": (1, 2)}, refuse) == {"value": 7}
    assert (open_array(tmp_path / "a" / "set" / "images.npy") == np.full((4, 3), 7)).all()


def test_another_key_makes_it_again(tmp_path):
    prepared(tmp_path / "set", {"k": 1}, fill(7))
    assert prepared(tmp_path / "set", {"k": 2}, fill(8)) == {"value": 8}
    assert open_array(tmp_path / "set" / "images.npy").max() == 8


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "images.npy").unlink(),
        lambda folder: os.truncate(folder / "images.npy", 130),
        lambda folder: (folder / "dataset.json").unlink(),
        lambda folder: (folder / "dataset.json").write_text('{"key": '),
        lambda folder: (folder / "dataset.json").write_text("[]"),
        lambda folder: (folder / "dataset.json").write_text(json.dumps({"key": {"k": 1}})),
    ],
)
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    prepared(tmp_path / "set", {"k": 1}, fill(7))
    damage(tmp_path / "set")
    assert prepared(tmp_path / "set", {"k": 1}, fill(9)) == {"value": 9}
    assert open_array(tmp_path / "set" / "images.npy").max() == 9


def test_a_failure_leaves_nothing(tmp_path):
    def fails(place):
        fill(7)(place)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        prepared(tmp_path / "set", {}, fails)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_a_killed_process_leaves_nothing_that_is_used(tmp_path):
    code = (
        "import pathlib, time, sys; from study.datasets._cache import prepared\n"
        "def build(place):\n"
        "    (place / 'images.npy').write_bytes(b'half'); print('started', flush=True); time.sleep(60)\n"
        f"prepared(pathlib.Path({str(tmp_path)!r}) / 'set', {{}}, build)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert prepared(tmp_path / "set", {}, fill(7)) == {"value": 7}
    assert not list(tmp_path.glob(".*partial"))


def test_a_read_only_folder_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("where a folder should be")
    with pytest.raises(OSError, match="file"):
        prepared(tmp_path / "file" / "set", {}, fill(7))


def test_saved_chunks_are_one_array(tmp_path):
    chunks = [np.full((n, 2, 3), n % 7, np.uint8) for n in (1, 0, 500)]
    assert save_chunks(tmp_path / "a.npy", (2, 3), iter(chunks)) == 501
    assert (np.load(tmp_path / "a.npy") == np.concatenate(chunks)).all()


@pytest.fixture
def server(tmp_path):
    """A web server on this machine: (its address, the folder it serves)."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if not self.path.endswith("broken"):
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            return self.wfile.write(b"only the beginning")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", folder
        httpd.shutdown()


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv("VAE_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.usefixtures("online")
def test_download_brings_the_file(server, tmp_path):
    address, folder = server
    content = os.urandom(1_000_000)
    (folder / "data.npz").write_bytes(content)
    target = download(f"{address}/data.npz", tmp_path / "data" / "data.npz", hashlib.md5(content).hexdigest())
    assert target.read_bytes() == content
    assert file_md5(target) == hashlib.md5(content).hexdigest()


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize(
    ("name", "message"),
    [("login.html", "has MD5 .* instead of"), ("broken", "broke off"), ("absent", "cannot be reached: HTTP Error 404")],
)
def test_what_is_not_the_file_leaves_nothing(server, tmp_path, name, message):
    address, folder = server
    (folder / "login.html").write_text("<html>Please log in to this hotel's network</html>")
    with pytest.raises(DownloadError, match=message):
        download(f"{address}/{name}", tmp_path / "data" / "data.npz", "0" * 32)
    assert not list((tmp_path / "data").glob("*")), "neither the file nor a part of it"


@pytest.mark.usefixtures("online")
def test_a_network_that_does_not_answer_costs_seconds(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(DownloadError, match=r"no answer from .* within 3 s"):
            download(f"http://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path / "x", "0" * 32)
        assert time.monotonic() - start < CONNECT_SECONDS + 2


def test_offline_is_obeyed(server, tmp_path):
    with pytest.raises(DownloadError, match="VAE_OFFLINE is set"):
        download(f"{server[0]}/x", tmp_path / "x", "0" * 32)
