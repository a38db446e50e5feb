"""A real browser: Debian's `chromium`, driven headless by Playwright.  Without it these tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all pages; it never reaches the network."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page as somebody sees it who opens the file: what it asked for, and what it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri(), wait_until="load")

    def asked_elsewhere(self) -> list[str]:
        """Everything the page loaded beyond itself."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]

    def broken_pictures(self) -> int:
        self.page.evaluate("Promise.all([...document.images].map(image => image.decode().catch(() => null)))")
        return int(self.page.evaluate("[...document.images].filter(image => image.naturalWidth === 0).length"))

    def pictures(self) -> int:
        return int(self.page.evaluate("document.images.length"))

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def serious(self) -> list[str]:
        """What axe-core (the W3C's rules, mechanically) calls serious or critical."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in ("serious", "critical")]

    def background(self) -> float:
        """Brightness of what lies behind the text, 0 black … 1 white."""
        colour = self.page.evaluate(
            "[document.body, document.documentElement].map(e => getComputedStyle(e).backgroundColor)"
            ".find(c => c !== 'rgba(0, 0, 0, 0)') || 'rgb(255, 255, 255)'"
        )
        red, green, blue = (float(part) for part in colour.strip("rgba()").split(",")[:3])
        return (red + green + blue) / (3 * 255)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield Visit(page)
    page.close()
