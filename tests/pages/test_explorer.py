"""The explorer in a real browser, from a file: the same numbers as Python, quick, alone, by keyboard, for every kind of model."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.explorer import subject as subjects
from analysis.explorer.page import explorer_page
from models.checkpoint import save_model
from models.config import Condition, VAEConfig
from models.initialisation import he_initialise
from models.preprocessing import Preprocessing, open_picture
from models.vae import VAE
from tests.pages.conftest import Visit

SMALL = {"architecture": "mlp", "architecture_options": {"hidden": [16]}}
KINDS = {
    "grey": VAEConfig(image_shape=(1, 64, 64), architecture="burgess", latent_dim=6),
    "colour": VAEConfig(image_shape=(3, 128, 128), **SMALL, latent_dim=3),
    "tiny": VAEConfig(image_shape=(1, 8, 8), **SMALL, latent_dim=2),
    "wide": VAEConfig(image_shape=(1, 16, 16), **SMALL, latent_dim=400),
    "labelled": VAEConfig(
        image_shape=(1, 16, 16),
        architecture="mlp",
        architecture_options={"hidden": [16]},
        latent_dim=3,
        condition=Condition(classes=4),
    ),
}


TIMED = """async () => {
  const times = [];
  for (let k = 0; k < 15; k++) {
    const before = document.body.dataset.drawn, began = performance.now();
    explorer.move(0, k / 5 - 1.5);
    while (document.body.dataset.drawn === before) await new Promise(r => setTimeout(r));
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[7];
}"""


def ready(visit: Visit, page: Path, fragment: str = "") -> None:
    visit.page.goto(page.as_uri() + fragment, wait_until="load")
    visit.page.wait_for_selector("body.ready", timeout=60_000)
    visit.page.wait_for_function("document.body.dataset.drawn")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[subjects.Subject, Path]]:
    """A page a kind of model, from He weights: codes that say something, pictures of its own."""
    folder = tmp_path_factory.mktemp("explorer")
    made = {}
    for kind, config in KINDS.items():
        torch.manual_seed(1)
        vae = VAE(config)
        he_initialise(vae, torch.rand(16, *config.image_shape))
        save_model(vae, folder / f"{kind}.vae")
        found = subjects.saved(folder / f"{kind}.vae")
        pictures, notes = subjects.pictures_of(found, None, None)
        (folder / f"{kind}.html").write_text(explorer_page(found, pictures, notes))
        made[kind] = (found, folder / f"{kind}.html")
    return made


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_is_whole_and_asks_for_nothing(self, models, visit: Visit, kind: str) -> None:
        page = models[kind][1]
        ready(visit, page)
        assert page.stat().st_size < 15 * 2**20
        assert [url for url in visit.asked_elsewhere() if not url.startswith("blob:")] == [] and visit.complaints == []
        for width in (1280, 390):
            visit.page.set_viewport_size({"width": width, "height": 800})
            assert visit.overflow() <= 0

    def test_prints_on_white_paper(self, models, visit: Visit, kind: str) -> None:
        visit.page.emulate_media(color_scheme="dark", media="print")
        ready(visit, models[kind][1])
        assert visit.background() > 0.95

    def test_decodes_and_encodes_as_python_does(self, models, visit: Visit, kind: str) -> None:
        subject, page = models[kind]
        ready(visit, page)
        rng = np.random.default_rng(0)
        z = rng.standard_normal((1, subject.config.latent_dim), dtype=np.float32)
        label = None if subject.config.condition is None else np.array([2])
        image = rng.random((1, *subject.config.image_shape), dtype=np.float32)
        decoded = visit.page.evaluate("async z => [...await explorer.decode(Float32Array.from(z), 2)]", z[0].tolist())
        encoded = visit.page.evaluate(
            "async x => [...(await explorer.encode(Float32Array.from(x), 2)).mu]", image.ravel().tolist()
        )
        np.testing.assert_allclose(decoded, subject.codec.decode(z, label).ravel(), atol=1e-4)
        np.testing.assert_allclose(encoded, subject.codec.encode(image, label)[0].ravel(), atol=1e-4)

    def test_every_tab_by_keyboard_alone(self, models, visit: Visit, kind: str) -> None:
        ready(visit, models[kind][1])
        visit.page.locator("#tab-explore").focus()
        for tab in ("map", "morph", "sample", "odd", "layers", "explore"):
            visit.page.keyboard.press("ArrowRight")
            assert visit.page.locator(f"#panel-{tab}").is_visible() and visit.page.locator("[role=tabpanel]:visible").count() == 1
        assert visit.complaints == []

    def test_axe_finds_nothing_serious(self, models, visit: Visit, kind: str) -> None:
        ready(visit, models[kind][1])
        for tab in ("explore", "map", "morph", "sample", "odd", "layers"):
            visit.page.locator(f"#tab-{tab}").click()
            assert visit.serious() == []


class TestGrey:
    def test_a_slider_moves_the_picture_at_once(self, models, visit: Visit) -> None:
        ready(visit, models["grey"][1])
        took = visit.page.evaluate(TIMED)
        print(f"slider to picture: {took:.1f} ms (target 50)")
        assert took < 1000  # the target is measured in tests/benchmarks; this only says that it answers

    def test_keys_move_a_slider_and_undo_brings_it_back(self, models, visit: Visit) -> None:
        ready(visit, models["grey"][1])
        slider = visit.page.locator("input[type=range]").first
        before = visit.page.locator(".latent output").first.inner_text()
        slider.focus()
        visit.page.keyboard.press("PageUp")
        assert visit.page.locator(".latent output").first.inner_text() != before
        visit.page.keyboard.press("Control+z")
        assert visit.page.locator(".latent output").first.inner_text() == before

    def test_the_address_keeps_what_is_on_the_table(self, models, visit: Visit) -> None:
        page = models["grey"][1]
        ready(visit, page, "#tab=map&i=3&z=2:1.5&context=1.2.3.4")
        assert visit.page.locator("#panel-map").is_visible()
        assert visit.page.evaluate("[explorer.table.picture, explorer.table.z[2], explorer.table.context.size]") == [3, 1.5, 4]
        visit.page.wait_for_function("location.hash.includes('2:1.5')")
        ready(visit, page, "#tab=nonsense&i=9999&z=77:x&context=5000.2.z")
        assert visit.page.evaluate("[explorer.table.picture, explorer.table.context]") == [0, None] and visit.complaints == []

    def test_a_lasso_makes_the_context(self, models, visit: Visit) -> None:
        ready(visit, models["grey"][1], "#tab=map")
        box = visit.page.locator("#plane").bounding_box()
        assert box is not None
        x, y, size = box["x"], box["y"], box["width"]
        around = [
            (x + size / 2 + 0.47 * size * math.cos(t), y + size / 2 + 0.47 * size * math.sin(t)) for t in np.linspace(0, 6.2, 30)
        ]
        visit.page.mouse.move(*around[0])
        visit.page.mouse.down()
        for point in around[1:]:
            visit.page.mouse.move(*point)
        visit.page.mouse.up()
        size_of_context = visit.page.evaluate("explorer.table.context.size")
        assert 10 < size_of_context <= 100
        visit.page.locator("#clear").click()
        assert visit.page.evaluate("explorer.table.context") is None

    def test_the_nearest_pictures_are_numpys(self, models, visit: Visit) -> None:
        subject, page = models["grey"]
        ready(visit, page, "#i=7")
        images = subjects.pictures_of(subject, None, None)[0].images
        mu = subject.codec.encode(images)[0].astype(float)
        distances = (((mu - mu[7]) / mu.std(0)) ** 2).sum(1)
        expected = [f"picture sample {i}" for i in np.argsort(distances)[1:7]]
        assert [button.get_attribute("aria-label") for button in visit.page.locator("#nearest button").all()] == expected

    def test_a_click_on_the_map_decodes_there(self, models, visit: Visit) -> None:
        ready(visit, models["grey"][1], "#tab=map")
        before = visit.page.evaluate("[...explorer.table.z]")
        visit.page.locator("#plane").click(position={"x": 100, "y": 100})
        moved = visit.page.evaluate("[...explorer.table.z]")
        visit.page.locator("#plane").focus()
        visit.page.keyboard.press("ArrowLeft")
        assert before != moved != visit.page.evaluate("[...explorer.table.z]")

    def test_layers_are_those_of_torch(self, models, visit: Visit) -> None:
        subject, page = models["grey"]
        ready(visit, page, "#tab=layers&i=2")
        visit.page.wait_for_selector("#layers canvas")
        titles = visit.page.locator("#layers h2").all_inner_texts()
        assert (
            titles[0].startswith("layer 1: 32 maps of 32 × 32")
            and titles[4].startswith("layer 5: 256 units")
            and len(titles) == 6
        )
        image = torch.from_numpy(subjects.pictures_of(subject, None, None)[0].images[2:3]) / 255
        with torch.no_grad():
            first = subject.codec.model.encoder[:2](image).numpy()
        data = "document.querySelector('#layers canvas').getContext('2d').getImageData(0, 0, 32, 32).data"
        shown = visit.page.evaluate(f"[...{data}].filter((v, n) => n % 4 == 0)")
        np.testing.assert_allclose(shown, (255 * first[0, 0] / first.max()).ravel(), atol=1)

    def test_the_leading_latent_to_the_median_makes_a_picture_less_odd(self, models, visit: Visit) -> None:
        ready(visit, models["grey"][1], "#tab=odd")
        visit.page.locator(".oddity").first.click()
        assert visit.page.locator("#oddNow").inner_text().startswith("As it is now: rank 1 of")
        for _ in range(6):
            visit.page.locator("#toMiddle").click()
        assert not visit.page.locator("#oddNow").inner_text().startswith("As it is now: rank 1 of")

    def test_copied_python_draws_the_same_picture(self, models, visit: Visit) -> None:
        subject, page = models["grey"]
        ready(visit, page, "#i=4&z=1:2")
        visit.page.locator("#python").click()
        scope: dict[str, np.ndarray] = {}
        exec(visit.page.locator("#code").inner_text(), scope)
        z = np.asarray(visit.page.evaluate("[...explorer.table.z]"), np.float32)[None]
        np.testing.assert_allclose(scope["picture"], subject.codec.decode(z)[0], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "mode", "size"), [("grey", "RGB", (301, 200)), ("grey", "L", (40, 90)), ("colour", "RGB", (500, 333))]
)
def test_a_picture_of_ones_own_is_prepared_as_pillow_does(
    models, visit: Visit, tmp_path: Path, kind: str, mode: str, size
) -> None:
    subject, page = models[kind]
    width, height = size
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 / width, y * 255 / height, 127 + 127 * np.sin(x / 7) * np.cos(y / 5)], -1).astype(np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    picture.save(tmp_path / "own.png")
    expected = open_picture(tmp_path / "own.png", Preprocessing.model_validate(subject.preprocessing.model_dump()))
    ready(visit, page)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    got = visit.page.evaluate(
        "async d => [...(await explorer.prepared(await (await fetch('data:image/png;base64,' + d)).blob())).image]", data
    )
    assert np.abs(np.asarray(got).reshape(expected.shape) * 255 - expected).max() <= 2
    visit.page.locator("#file").set_input_files(tmp_path / "own.png")
    visit.page.wait_for_function("document.getElementById('who').textContent.startsWith('own.png')")


def test_a_file_that_is_no_picture_is_one_line(models, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    ready(visit, models["tiny"][1])
    visit.page.locator("#file").set_input_files(tmp_path / "text.png")
    visit.page.wait_for_function("document.getElementById('status').textContent.includes('cannot be read as a picture')")
    assert visit.complaints == []


def test_a_wrong_label_can_be_tried(models, visit: Visit) -> None:
    ready(visit, models["labelled"][1])
    visit.page.locator("#labels button").nth(3).click()
    assert visit.page.evaluate("explorer.table.label") == 3
    assert visit.page.locator("#labels button").nth(3).get_attribute("aria-pressed") == "true"


def test_unused_latents_are_folded_and_a_code_that_says_nothing_is_said(tmp_path: Path, visit: Visit) -> None:
    torch.manual_seed(0)
    vae = VAE(KINDS["tiny"])
    with torch.no_grad():
        for parameter in vae.encoder.parameters():
            parameter.zero_()
    save_model(vae, tmp_path / "dead.vae")
    found = subjects.saved(tmp_path / "dead.vae")
    (tmp_path / "dead.html").write_text(explorer_page(found, *subjects.pictures_of(found, None, None)))
    ready(visit, tmp_path / "dead.html")
    assert "No latent says anything" in visit.page.locator("#sliders").inner_text()
    visit.page.locator("#unusedCount").click()
    visit.page.wait_for_selector("#unusedSliders .latent")
    visit.page.locator("#tab-odd").click()
    assert "none can be odd" in visit.page.locator("#odd").inner_text() and visit.complaints == []
