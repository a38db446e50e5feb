"""The live page's data: films of real trials, a study that grows, stops, is killed and is taken away; the server's manners."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from analysis.watching.snapshot import Snapshots, driver_of, warnings_of
from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.live import LiveTrial, live_path, read_live, write_live
from study.records.mirror import Mirror
from tests.studies import LAPTOP

REPORT = {"step": 50, "progress": 0.5, "recon": 90.0, "kl": 10.0, "seconds": 5.0}
RUNNING = LiveTrial(number=18, knobs="beta_vae beta=4", digest="sha256:0", replicates=1, steps=100, reports=(REPORT,))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LAPTOP, tmp_path / "example"))


@contextmanager
def served(study: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command, on a free port."""
    command = [sys.executable, "-m", "analysis.watch", str(study), "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        try:
            yield server, int(line.split("127.0.0.1:")[1].split()[0])
        finally:
            server.terminate()


def ask(port: int, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_every_trial_leaves_a_film(tiny_study: StudyFolder) -> None:
    for number in range(3):
        film = read_live(live_path(tiny_study.path, number))
        assert film is not None and film.status == "complete" and film.values["recon"] > 0
        assert len(film.reports) == len(film.pictures) == 2 and film.reports[-1]["step"] == 2  # of the last replicate
        for strip in (film.originals, *film.pictures):
            assert Image.open(io.BytesIO(base64.b64decode(strip))).size == (6 * 64, 64)
    film = read_live(live_path(tiny_study.path, 1))
    assert film is not None
    assert film.knobs == "capacity anneal_fraction=0.6 gamma_max=10 gamma_min=2 · cnn, 10 latents, rate 0.0005"


def test_a_study_that_has_ended(tiny_study: StudyFolder) -> None:
    state = Snapshots(tiny_study.path).state()
    assert (state["driver"], state["done"], state["trials"], len(state["rows"])) == ("finished", 3, 3, 3)
    assert all(row["status"] == "complete" and row["share"] == 1 and row["picture"] for row in state["rows"])
    assert state["front"] and state["left"] is None


def test_a_study_without_films(example: Path) -> None:
    state = Snapshots(example).state()
    assert state["done"] == state["trials"] == 18 and {row["picture"] for row in state["rows"]} == {""}
    assert 13 in state["front"] and all(row["knobs"] for row in state["rows"] if row["status"] == "complete")


def test_a_trial_that_runs_is_seen_at_once_and_interrupted_when_its_driver_is_gone(example: Path) -> None:
    snapshots = Snapshots(example)
    snapshots.state()
    write_live(example, RUNNING)
    (example / "owner.txt").write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    state = snapshots.state()
    row = state["rows"][-1]
    assert (state["driver"], state["done"]) == ("running", 18)
    assert (row["trial"], row["status"], row["share"], row["curves"]["recon"]) == (18, "running", 0.5, [90.0])
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    (example / "owner.txt").write_text(f"process {gone.stdout.strip()} on {socket.gethostname()}\n")
    state = snapshots.state()
    assert (state["driver"], state["rows"][-1]["status"]) == ("gone", "interrupted")


def test_a_study_driven_from_another_machine_still_runs(example: Path) -> None:
    write_live(example, RUNNING)
    (example / "owner.txt").write_text("process 1 on another-machine\n")
    state = Snapshots(example).state()
    assert (state["driver"], state["rows"][-1]["status"]) == ("elsewhere", "running")


def test_a_folder_with_a_space_gives_commands_that_work(example: Path) -> None:
    moved = example.rename(example.with_name("my study"))
    state = Snapshots(moved).state()
    assert [shlex.split(state[key])[-1] for key in ("resume", "report")] == [str(moved)] * 2


def test_what_the_driver_knows_is_so(example: Path) -> None:
    """A worker that died has no time to say so; its driver has."""
    dead = Snapshots(example).state()["rows"]
    number = next(row["trial"] for row in dead if row["status"] == "complete")
    write_live(example, RUNNING.model_copy(update={"number": number}))
    rows = {row["trial"]: row for row in Snapshots(example).state()["rows"]}
    assert rows[number]["status"] == "complete" and rows[number]["curves"]["recon"] == [90.0]


@pytest.mark.parametrize(
    ("owner", "finished", "state"),
    [
        (None, True, "finished"),
        (None, False, "stopped"),
        ("process 1 on another-machine", False, "elsewhere"),
        ("nonsense", False, "elsewhere"),
        (f"process x on {socket.gethostname()}", False, "gone"),
    ],
)
def test_who_drives(tmp_path: Path, owner: str | None, finished: bool, state: str) -> None:
    if owner is not None:
        (tmp_path / "owner.txt").write_text(owner)
    assert driver_of(tmp_path, finished=finished) == state


@pytest.mark.parametrize(
    ("changes", "age", "words"),
    [
        ({}, 0, None),
        ({"kl": 0.001}, 0, "the code says nothing"),
        ({"kl": 0.001, "progress": 0.1}, 0, None),
        ({"recon": float("nan")}, 0, "no number"),
        ({"recon": None}, 0, "no number"),
        ({}, 600, "silent for 10 min"),
        ({"seconds": 1000.0}, 600, None),
    ],
)
def test_warnings(changes: dict[str, object], age: float, words: str | None) -> None:
    trial = RUNNING.model_copy(update={"reports": ({**REPORT, **changes},), "written": 1000.0})
    found = warnings_of(trial, 1000.0 + age)
    assert (found == []) if words is None else (len(found) == 1 and words in found[0])


def test_files_that_are_being_written_or_broken_are_left_out(example: Path) -> None:
    (example / "live").mkdir()
    live_path(example, 5).write_text('{"number": 5, "kno')
    live_path(example, 99).write_text("{}")
    assert len(Snapshots(example).state()["rows"]) == 18
    (example / "study.json").unlink()
    with pytest.raises((UserError, OSError)):
        Snapshots(example).state()


def test_a_film_goes_on_after_a_kill(tmp_path: Path, data_folder: Path) -> None:
    from study.config import TrialConfig
    from study.datasets import load_dataset
    from study.search.filming import Film

    dataset = load_dataset("dsprites", data_folder)
    config = TrialConfig.parse(
        {"dataset": "dsprites", "objective": "beta_vae", "architecture": "mlp", "training": {"steps": 100}}
    )
    write_live(tmp_path, RUNNING.model_copy(update={"number": 3, "digest": config.digest(), "pictures": ("kept",)}))
    film = Film(Mirror(tmp_path, None), 3, config, 1, dataset)
    film.begin(0)
    assert film.shown.pictures == ("kept",)
    Film(Mirror(tmp_path, None), 3, config, 1, dataset, kept=False).begin(1000)  # a confirmation's seeds
    before = read_live(live_path(tmp_path, 3))
    assert before is not None and before.pictures == ("kept",)
    film.begin(1)
    assert len(film.shown.pictures) == 0


def test_the_server_is_read_only_and_for_this_machine(example: Path) -> None:
    with served(example) as (server, port):
        status, text = ask(port, "/state")
        assert status == 200 and len(json.loads(text)["rows"]) == 18
        assert ask(port, "/")[0] == 200 and ask(port, "/trial/3")[0] == 404 and ask(port, "/trial/../study.json")[0] == 404
        assert ask(port, "/state", host="evil.example")[0] == 403
        assert ask(port, "/state", method="POST")[0] == 405
        assert {each.laddr.ip for each in psutil.Process(server.pid).net_connections()} == {"127.0.0.1"}
        write_live(example, RUNNING.model_copy(update={"reports": ({**REPORT, "recon": float("nan")},)}))
        assert json.loads(ask(port, "/trial/18")[1])["number"] == 18
        shutil.rmtree(example)
        status, text = ask(port, "/state")
        assert status == 503 and json.loads(text)["problem"]
        again = [sys.executable, "-m", "analysis.watch", str(LAPTOP), "--port", str(port)]
        taken = subprocess.run(again, capture_output=True, text=True, timeout=60, check=False)
        assert taken.returncode == 2 and f"port {port} cannot be used" in taken.stderr and taken.stderr.count("\n") == 1
        server.send_signal(2)
        assert server.wait(timeout=30) in (0, 130) and server.stderr is not None and server.stderr.read() == ""


def test_no_such_study_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "analysis.watch", "nothing"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "nothing is not a study" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_real_study_is_followed_to_its_end_and_its_drivers_death(tmp_path: Path, data_folder: Path) -> None:
    """`--watch` on a real smoke study; the driver is killed in the middle, another server sees that, and the resumed end."""
    places = ["--out", str(tmp_path), "--registry", str(tmp_path / "r"), "--no-dashboard"]
    command = [sys.executable, "-m", "study.run", *places]
    smoke = ["--space", "dsprites_capacity", "--budget", "smoke", "--name", "seen", "--watch"]
    begun = [*command, "--data", str(data_folder), *smoke]
    with subprocess.Popen(begun, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
        assert driver.stdout is not None
        line = next(text for text in driver.stdout if "watching seen at" in text)
        port = int(line.split("127.0.0.1:")[1].split()[0])
        seen: dict[str, object] = {}
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            state = json.loads(ask(port, "/state")[1])
            seen = state
            if any(row["status"] == "running" and row["curves"].get("recon") for row in state["rows"]):
                break
            time.sleep(0.5)
        assert any(row["status"] == "running" and row["picture"] for row in seen["rows"]), seen  # type: ignore[attr-defined]
        driver.kill()
    with served(tmp_path / "seen") as (_, port):
        assert json.loads(ask(port, "/state")[1])["driver"] == "gone"
        done = subprocess.run([*command, "--resume", "seen"], capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr
        state = json.loads(ask(port, "/state")[1])
        assert state["driver"] == "finished" and state["done"] >= state["trials"]
        complete = [row for row in state["rows"] if row["status"] == "complete"]
        assert len(complete) >= 3 and all(np.isfinite(row["values"]["recon"]) and row["picture"] for row in complete)
