"""The page of a ranked folder, as somebody works with it: clicks, keys, filters, marks, and the way of the marks back."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from analysis.ranking.marks import listed
from analysis.ranking.view_folder import view_folder
from tests.pages.conftest import Visit

STRANGE = ('a "quoted", name.png', os.fsdecode(b"caf\xe9.png"), "two\nlines.png", "100%#?.png", "<b>bold.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 noisy pictures in two folders, one of them twice, one that is plainly odd, and strange names; ranked into `out`."""
    root = tmp_path_factory.mktemp("page") / "in"
    (root / "sub").mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = [*STRANGE, *(f"{'sub/' if number % 2 else ''}{number:02d}.png" for number in range(35))]
    for name in names:
        Image.fromarray(generator.normal(90, 20, (16, 16)).clip(0, 255).astype(np.uint8)).save(root / name)
    Image.fromarray(np.tile(np.uint8([0, 255]), (16, 8))).save(root / "odd.png")
    Image.open(root / "00.png").save(root / "again.bmp")
    (root / "broken.png").write_bytes(b"no picture")
    view_folder(root, root.parent / "out", ("pixels", "statistics"), top=5)
    return root


@pytest.fixture
def page(folder: Path, visit: Visit) -> Page:
    visit.open(folder.parent / "out" / "ranking.html")
    return visit.page


def tile(page: Page, name: str):
    place = page.evaluate("name => tiles.findIndex(tile => tile.f === name)", name)
    return page.locator(f'#sheet .pick[data-n="{place}"]')


def saved(page: Page, target: Path) -> Path:
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "marks.csv"
    download.value.save_as(target)
    return target


def test_all_pictures_are_there_the_oddest_first_and_the_original_opens(folder: Path, page: Page) -> None:
    assert page.locator("#sheet .pick").count() == 42
    first = page.locator("#sheet .pick").first
    assert "odd.png" in str(first.get_attribute("aria-label"))
    first.click()
    page.wait_for_function("document.querySelector('#panel > img')?.naturalWidth === 16")
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    assert opened.value.url == (folder / "odd.png").as_uri()
    opened.value.close()


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_has_its_original(page: Page, name: str) -> None:
    tile(page, name).click()
    page.wait_for_function("document.querySelector('#panel > img')?.naturalWidth === 16")
    assert page.locator("#lost").inner_text() == ""


def test_a_missing_original_is_said(folder: Path, page: Page) -> None:
    (folder / "02.png").rename(folder / "moved")
    try:
        tile(page, "02.png").click()
        page.wait_for_function("document.getElementById('lost').textContent.includes('not there')")
        assert page.locator("#panel > img").count() == 0
    finally:
        (folder / "moved").rename(folder / "02.png")


def test_marks_by_key_and_click_come_back_as_exclusions_and_reference(folder: Path, page: Page, tmp_path: Path) -> None:
    for name in STRANGE:
        tile(page, name).click()
        page.keyboard.press("o")
    tile(page, "04.png").click()
    page.locator("[data-set=fine]").click()
    assert page.locator("[data-set=fine]").get_attribute("aria-pressed") == "true"
    tile(page, "06.png").click()
    page.keyboard.press("u")
    page.keyboard.press("u")
    assert page.locator("#count").inner_text() == "42 of 42 shown, 6 marked", "the same key twice takes a mark back"
    marks = saved(page, tmp_path / "marks.csv")
    assert set(listed(marks, "odd")) == set(STRANGE) and listed(marks, "fine") == ("04.png",)
    record, _ = view_folder(folder, tmp_path / "out", ("pixels",), exclude=listed(marks, "odd"))
    assert not {entry["file"] for entry in record["pictures"]} & set(STRANGE) and len(record["pictures"]) == 37
    with (tmp_path / "out" / "ranking.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 38
    page.reload()
    assert page.locator("#sheet .pick[data-mark=odd]").count() == 5, "marks stay in this browser"


def test_what_is_marked_fine_is_a_reference(folder: Path, page: Page, tmp_path: Path) -> None:
    for number in range(20):
        tile(page, f"{'sub/' if number % 2 else ''}{number:02d}.png").click()
        page.keyboard.press("f")
    marks = saved(page, tmp_path / "marks.csv")
    record, _ = view_folder(folder, tmp_path / "out", ("pixels",), reference=marks, fdr=0.2)
    assert len(record["pictures"]) == 22 and record["pictures"][0]["p_value"] is not None
    assert any("20 pictures of the folder are in the reference" in note for note in record["notes"])


def test_the_sheet_is_walked_by_keyboard_alone(page: Page) -> None:
    page.locator("#save").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.n") == "0", "one stop for the whole sheet"
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("[here, document.activeElement.dataset.n].join()") == "1,1"
    page.keyboard.press("ArrowDown")
    across = page.evaluate("here") - 1
    tops = [page.locator(f'#sheet .pick[data-n="{n}"]').bounding_box() for n in (1, 1 + across)]
    assert tops[0] and tops[1] and tops[0]["x"] == tops[1]["x"] and tops[0]["y"] < tops[1]["y"], "down is down"


@pytest.mark.parametrize(("choose", "value", "count"), [("show", "copies", 2), ("show", "none", 42), ("group", "/sub", 17)])
def test_filters(page: Page, choose: str, value: str, count: int) -> None:
    page.locator(f"#{choose}").select_option(value)
    assert page.locator("#sheet .pick:visible").count() == count
    assert page.locator("#count").inner_text().startswith(f"{count} of 42")
    page.locator("#sheet .pick:visible").first.click()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("nodes[here].hidden") is False, "arrows pass over what is filtered out"


def test_the_words_lead_to_the_picture(page: Page) -> None:
    told = page.locator(".told").first
    assert "odd.png" in told.inner_text() and told.locator(".strip .pick").count() == 5
    told.locator(".strip .pick").first.click()
    page.keyboard.press("f")
    assert page.locator("#sheet .pick[data-mark=fine]").count() == 1
    assert "broken.png" in page.locator("body").inner_text()


def test_paper_has_every_picture_and_escape_puts_the_panel_away(folder: Path, visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 100})
    visit.open(folder.parent / "out" / "ranking.html")
    empty = "[...document.querySelectorAll('img[data-t]')].filter(image => !image.src).length"
    assert visit.page.evaluate(empty) > 0, "what is far below waits"
    visit.page.pdf()
    assert visit.page.evaluate(empty) == 0
    visit.page.locator("#sheet .pick").first.click()
    assert visit.page.locator("#panel").is_visible()
    visit.page.keyboard.press("Escape")
    assert visit.page.locator("#panel").is_hidden()
