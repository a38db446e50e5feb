"""The live page in a real browser: a study that grows before one's eyes, a film to scrub, trials side by side."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from study.records.live import LiveTrial, write_live
from study.search.filming import strip
from tests.pages.conftest import Visit
from tests.studies import LAPTOP


def trial(number: int, reports: int, status: str = "running") -> LiveTrial:
    """After so many reports of twenty."""
    rng = np.random.default_rng(number)
    rows = tuple(
        {"step": 10 * k, "progress": k / 20, "recon": 500 / k, "kl": 2.0 * k, "capacity": float(k), "seconds": 3.0 * k}
        for k in range(1, reports + 1)
    )
    pictures = tuple(strip(rng.integers(0, 256, (6, 1, 16, 16), dtype=np.uint8)) for _ in rows)
    values = {"recon": 30.0, "mig": 0.5, "kl": 9.0} if status == "complete" else {}
    return LiveTrial(
        number=number, knobs="capacity gamma_max=30 · broadcast, 10 latents, rate 0.001", digest="d", replicates=1, steps=200,
        reports=rows, pictures=pictures, originals=strip(np.zeros((6, 1, 16, 16), np.uint8)), status=status, values=values,
    )  # fmt: skip


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The committed study, as if two more of its trials ran in this process."""
    folder = Path(shutil.copytree(LAPTOP, tmp_path / "grown"))
    (folder / "owner.txt").write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    write_live(folder, trial(18, 3))
    write_live(folder, trial(19, 12))
    return folder


@pytest.fixture
def page(study: Path, visit: Visit) -> Iterator[Visit]:
    command = [sys.executable, "-m", "analysis.watch", str(study), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        visit.page.goto("http://127.0.0.1:" + server.stdout.readline().split("127.0.0.1:")[1].split()[0])
        visit.page.wait_for_function("document.body.dataset.asked")
        yield visit
        server.terminate()


def test_it_is_whole_fits_and_asks_nobody_else(page: Visit) -> None:
    assert page.page.locator("#cards .card").count() == 2 and page.page.locator("#rows tr").count() == 20
    assert page.broken_pictures() == 0 and page.complaints == []
    assert all(url.startswith(("http://127.0.0.1", "data:")) for url in page.requests)
    for width in (1280, 390):
        page.page.set_viewport_size({"width": width, "height": 900})
        assert page.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Visit, scheme) -> None:
    page.page.emulate_media(color_scheme=scheme)
    page.page.locator("#cards button").first.click()
    page.page.wait_for_selector("#sheets input[type=range]")
    assert page.serious() == []


def test_it_follows_the_study(page: Visit, study: Path) -> None:
    assert "step 30 of 200" in page.page.locator("#cards").inner_text()
    write_live(study, trial(18, 20, "complete"))
    page.page.wait_for_function("document.querySelectorAll('#cards .card').length === 1", timeout=20_000)
    assert page.page.locator("#best").inner_text().count("trial 18") == 2, "it is the best of both metrics"
    (study / "owner.txt").unlink()
    page.page.wait_for_function("document.getElementById('state').textContent === 'finished'", timeout=20_000)
    assert "python -m analysis.report" in page.page.locator("#commands").inner_text()


def test_a_film_is_scrubbed_by_keyboard(page: Visit) -> None:
    page.page.locator("#cards button").nth(1).click()
    film = page.page.locator("#sheets input[type=range]")
    film.focus()
    last = page.page.locator("#sheets .strip").nth(1).get_attribute("src")
    page.page.keyboard.press("Home")
    assert page.page.locator("#sheets .strip").nth(1).get_attribute("src") != last
    assert "step 10: recon 500" in page.page.locator("#sheets").inner_text()


def test_up_to_four_trials_side_by_side_and_in_the_address(page: Visit) -> None:
    for number in (19, 18, 13, 2, 1):
        page.page.locator(f"#rows button:text-is('{number}')").click()
    page.page.wait_for_function("document.querySelectorAll('#sheets .card').length === 4")
    assert page.page.evaluate("location.hash") == "#trial-18,trial-13,trial-2,trial-1"
    assert "no film" in page.page.locator("#sheets").inner_text()
    page.page.locator("#filter").fill("capacity broadcast")
    assert page.page.locator("#rows tr").count() == 2


def test_a_server_that_ends_is_said(study: Path, visit: Visit) -> None:
    command = [sys.executable, "-m", "analysis.watch", str(study), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        visit.page.goto("http://127.0.0.1:" + server.stdout.readline().split("127.0.0.1:")[1].split()[0])
        visit.page.wait_for_function("document.body.dataset.asked")
        server.terminate()
    visit.page.wait_for_function("document.getElementById('problem').textContent.includes('has ended')", timeout=20_000)
    assert visit.page.locator("#rows tr").count() == 20
