"""`--watch`: the page's server lives as long as the driver that started it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from study.records.folder import StudyFolder
from tests.study.search.test_search import record

DRIVER = """
import sys, time
from pathlib import Path
from rich.console import Console
from study.records.folder import StudyFolder
from study.search.live_page import live_page
with live_page(StudyFolder(Path(sys.argv[1])), Console()):
    sys.stdout.flush()
    time.sleep(float(sys.argv[2]))
"""


def start(folder: StudyFolder, seconds: float) -> tuple[subprocess.Popen[str], str, psutil.Process]:
    """A driver, the page's address, and the page's server."""
    command = [sys.executable, "-c", DRIVER, str(folder.path), str(seconds)]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    address = driver.stdout.readline().split(" at ")[1].split()[0]
    (server,) = psutil.Process(driver.pid).children()
    return driver, address, server


def test_the_page_ends_with_a_killed_driver_and_with_one_that_ends(tmp_path: Path) -> None:
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record())
    for killed in (True, False):
        driver, address, server = start(folder, 300 if killed else 5)
        if killed:
            with urllib.request.urlopen(f"{address}/state", timeout=20) as answer:
                assert answer.status == 200
            driver.kill()
        driver.communicate(timeout=60)
        deadline = time.monotonic() + 30
        while server.is_running() and server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
