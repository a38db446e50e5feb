"""The pages this project writes, opened in a browser from a file: whole, alone, on paper, in the dark, on a telephone."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from analysis import load_study
from analysis.ranking.rank_folder import rank_folder
from analysis.ranking.view_folder import view_folder
from analysis.reporting.page import report
from models.checkpoint import save_model
from models.config import VAEConfig
from models.vae import VAE
from tests.pages.conftest import Visit
from tests.test_documents import COMMAND, check_command

PAGES = ("report", "ranking", "views")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of the committed study, and the ranking of 30 noisy pictures by an untrained model."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "report.html").write_text(report(load_study("example"), registry=folder / "none"))
    torch.manual_seed(0)
    architecture = {"architecture": "mlp", "architecture_options": {"hidden": [16]}}
    save_model(VAE(VAEConfig(image_shape=(1, 16, 16), latent_dim=4, **architecture)), folder / "small.vae")
    (folder / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(folder / "in" / f"{number:02d}.png")
    rank_folder(folder / "in", folder, str(folder / "small.vae"), top=3)
    view_folder(folder / "in", folder / "out", ("pixels", "statistics"), top=3)
    (folder / "out" / "ranking.html").rename(folder / "views.html")
    return {name: folder / f"{name}.html" for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
class TestPage:
    def test_is_whole_and_needs_nothing_beside_it(self, pages: dict[str, Path], visit: Visit, name: str) -> None:
        visit.open(pages[name])
        assert visit.pictures() > 3
        assert visit.broken_pictures() == 0
        assert visit.asked_elsewhere() == []
        assert visit.complaints == []

    @pytest.mark.parametrize("width", [1280, 390])
    def test_fits_its_window(self, pages: dict[str, Path], visit: Visit, name: str, width: int) -> None:
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.open(pages[name])
        assert visit.overflow() <= 0

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_nothing_serious(self, pages: dict[str, Path], visit: Visit, name: str, scheme) -> None:
        visit.page.emulate_media(color_scheme=scheme)
        visit.open(pages[name])
        assert visit.serious() == []

    def test_follows_light_and_dark(self, pages: dict[str, Path], visit: Visit, name: str) -> None:
        visit.page.emulate_media(color_scheme="dark")
        visit.open(pages[name])
        dark = visit.background()
        visit.page.emulate_media(color_scheme="light")
        assert dark < 0.3 < 0.8 < visit.background()

    def test_every_command_it_prints_is_one(self, pages: dict[str, Path], name: str) -> None:
        text = re.sub(r"<[^>]+>", " ", pages[name].read_text())
        commands = {(found[1], found[2].strip().rstrip(".,;:")) for found in COMMAND.finditer(html.unescape(text))}
        assert commands or name != "report"
        for module, arguments in commands:
            check_command(module, arguments)

    def test_prints_on_white_paper(self, pages: dict[str, Path], visit: Visit, name: str) -> None:
        visit.page.emulate_media(color_scheme="dark", media="print")
        visit.open(pages[name])
        assert visit.background() > 0.95, "a dark page costs a cartridge"
        visit.page.emulate_media(media=None, color_scheme=None)
        assert visit.page.pdf(format="A4").startswith(b"%PDF")


class TestReport:
    """What a reader can do with it."""

    @pytest.mark.parametrize(("width", "within"), [(1280, 900), (390, 1400)])
    def test_verdict_winner_and_front_are_on_the_first_screen(
        self, pages: dict[str, Path], visit: Visit, width: int, within: int
    ):
        visit.page.set_viewport_size({"width": width, "height": within})
        visit.open(pages["report"])
        for what in (".verdict", ".first :is(img, svg)", ".first svg:has(a)"):
            box = visit.page.locator(what).first.bounding_box()
            assert box is not None and box["y"] + box["height"] <= within, what

    def test_a_point_shows_its_trial_by_pointer_and_by_keyboard_and_leads_to_it(self, pages: dict[str, Path], visit: Visit):
        visit.open(pages["report"])
        point = visit.page.locator('.first svg a[href="#trial-8"]')
        point.hover()
        assert "trial 8, complete: " in visit.page.locator("#hover").inner_text()
        assert visit.page.locator('svg a.marked[href="#trial-8"]').count() > 3, "in every chart"
        visit.page.mouse.move(0, 0)
        assert visit.page.locator("#hover").is_hidden()
        point.focus()
        assert visit.page.locator("#hover").is_visible()
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("document.querySelector(':target').id") == "trial-8"
        assert visit.complaints == []

    def test_every_link_leads_somewhere(self, pages: dict[str, Path], visit: Visit):
        visit.open(pages["report"])
        lost = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href')).filter(h => !document.querySelector(h))"
        assert visit.page.evaluate(lost) == []

    def test_all_trials_can_be_sorted_and_filtered(self, pages: dict[str, Path], visit: Visit):
        visit.open(pages["report"])
        table = visit.page.locator("table.sortable")
        head = table.locator("th", has_text="mig")
        head.focus()
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_timeout(100)
        column = visit.page.evaluate(
            "[...document.querySelectorAll('table.sortable th')].findIndex(th => th.innerText.startsWith('mig'))"
        )
        cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_inner_texts()
        values = [float(cell) for cell in cells if cell != "–"]
        assert values == sorted(values) and head.get_attribute("aria-sort") == "ascending"
        visit.page.locator("input.filter").fill("capacity locatello")
        assert 0 < table.locator("tbody tr:visible").count() < 18
