"""The three dashboards of the README on a real study, running and finished, in a real browser; screenshots on request.

pytest -m slow tests/pages/test_dashboards.py          VAE_SCREENSHOTS=FOLDER keeps what the browser saw
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from study.records.folder import StudyFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BIN = Path(sys.executable).parent
PATIENCE = 60_000  # milliseconds: two cores that also train


class Running:
    """A study in a process of its own, as a person starts it."""

    def __init__(self, runs: Path, data: Path) -> None:
        self.folder = StudyFolder(runs / "watched")
        self.log = runs / "screen.txt"
        command = [sys.executable, "-m", "study.run", "--space", "dsprites_capacity", "--budget", "smoke", "--trials", "4"]
        command += ["--name", "watched", "--out", str(runs), "--registry", str(runs / "_registry"), "--data", str(data)]
        with self.log.open("w") as screen:
            environment = {**os.environ, "COLUMNS": "200"}
            self.process = subprocess.Popen(command, stdout=screen, stderr=subprocess.STDOUT, env=environment)

    def dashboard(self) -> str:
        """The address that the command prints."""
        found = wait_for(lambda: re.search(r"Ray dashboard: (http://\S+)", self.log.read_text()))
        return str(found[1])


def wait_for(look: Callable[[], Any], seconds: float = 120) -> Any:
    stop = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < stop, "waited in vain"
        time.sleep(0.2)
    return found


@contextmanager
def served(*command: str) -> Iterator[str]:
    """The address of a dashboard that `command` serves, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([str(BIN / command[0]), *command[1:], "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: port_answers(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def port_answers(port: int) -> bool | None:
    with socket.socket() as probe:
        return True if probe.connect_ex(("127.0.0.1", port)) == 0 else None


def keep(page: Page, name: str) -> None:
    if os.environ.get("VAE_SCREENSHOTS"):
        page.wait_for_timeout(1500)  # for the eye: charts draw after their data has come
        page.screenshot(path=Path(os.environ["VAE_SCREENSHOTS"]) / f"{name}.png")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, data_folder: Path, dsprites: object) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("runs"), data_folder)
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def optuna_shows_the_study(page: Page, folder: StudyFolder, name: str) -> None:
    with served("optuna-dashboard", str(folder.journal)) as address:
        page.goto(address)
        page.get_by_text(folder.name).first.click()
        expect(page.get_by_role("heading", name=re.compile(r"Trial \d")).first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("recon").first).to_be_visible(timeout=PATIENCE)
        keep(page, name)


def tensorboard_shows_the_curves(page: Page, folder: StudyFolder, name: str) -> None:
    with served("tensorboard", "--logdir", str(folder.path / "tune")) as address:
        page.goto(address)
        expect(page.get_by_text("trial-000").first).to_be_visible(timeout=PATIENCE)
        keep(page, name)


class TestRunning:
    """In this order, while the study trains."""

    def test_ray_asks_for_the_token_and_shows_the_trials_by_name(self, study: Running, page: Page) -> None:
        page.goto(study.dashboard())
        token = subprocess.run([BIN / "ray", "get-auth-token"], capture_output=True, text=True, check=True).stdout.strip()
        page.get_by_role("textbox").fill(token)
        page.get_by_role("button", name=re.compile("submit|test|save|update", re.IGNORECASE)).first.click()
        page.goto(f"{study.dashboard()}/#/actors")
        expect(page.get_by_text(re.compile(r"trial-\d{3}")).first).to_be_visible(timeout=PATIENCE)
        keep(page, "ray-actors")
        page.goto(f"{study.dashboard()}/#/cluster")
        expect(page.get_by_text("ALIVE").first).to_be_visible(timeout=PATIENCE)
        keep(page, "ray-cluster")

    def test_optuna_and_tensorboard(self, study: Running, page: Page) -> None:
        wait_for(lambda: True if any(study.folder.path.glob("tune/**/events.*")) else None)
        optuna_shows_the_study(page, study.folder, "optuna-running")
        tensorboard_shows_the_curves(page, study.folder, "tensorboard-running")
        assert study.process.poll() is None, "it was meant to be watched while it runs"


def test_finished(study: Running, page: Page) -> None:
    assert study.process.wait(600) == 0, study.log.read_text()
    optuna_shows_the_study(page, study.folder, "optuna-finished")
    tensorboard_shows_the_curves(page, study.folder, "tensorboard-finished")
