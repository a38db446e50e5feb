"""The record and the page are the same for every way of ranking; what is folded below a sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.ranking.page import Strip
from analysis.ranking.rank_folder import rank_folder
from analysis.ranking.view_folder import view_folder
from models.checkpoint import save_model
from models.config import VAEConfig
from models.vae import VAE

WAYS = ("views", "latents")
ALWAYS = {"rank", "file", "score", "stands_out", "p_value", "view"}


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], Path]]:
    """The same 40 pictures both ways: two of them equal, one file that is none."""
    import torch

    root = tmp_path_factory.mktemp("both")
    (root / "in").mkdir()
    generator = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(generator.integers(0, 256, (16, 16), dtype=np.uint8)).save(root / "in" / f"{number:02d}.png")
    Image.open(root / "in" / "07.png").save(root / "in" / "same.bmp")
    (root / "in" / "broken.png").write_bytes(b"no picture")
    torch.manual_seed(0)
    options = {"architecture": "mlp", "architecture_options": {"hidden": [8]}}
    save_model(VAE(VAEConfig(image_shape=(1, 16, 16), latent_dim=3, **options)), root / "small.vae")
    records = {
        "views": view_folder(root / "in", root / "views", ("pixels", "statistics"), top=4)[0],
        "latents": rank_folder(root / "in", root / "latents", str(root / "small.vae"), top=4)[0],
    }
    return {way: (record, root / way) for way, record in records.items()}


def first(entry: dict[str, Any]) -> str:
    return min([entry["file"], *entry.get("copies", [])])


@pytest.mark.parametrize("way", WAYS)
class TestBothWays:
    def test_the_record(self, ranked, way):
        record, out = ranked[way]
        assert json.loads((out / "ranking.json").read_text()) == record
        assert {"verdict", "stand_out", "made_with", "notes", "unreadable", "pictures"} <= set(record)
        assert [bad["file"] for bad in record["unreadable"]] == ["broken.png"]
        assert len({first(entry) for entry in record["pictures"] if "reason" in entry}) == 4, "pictures, not files"
        for entry in record["pictures"]:
            assert set(entry) >= ALWAYS
            assert ("reason" in entry) == bool(entry.get("nearest"))
        assert {entry["file"]: entry["copies"] for entry in record["pictures"] if "copies" in entry} == {
            "07.png": ["same.bmp"],
            "same.bmp": ["07.png"],
        }
        ranks = {entry["file"]: entry["rank"] for entry in record["pictures"]}
        assert ranks["07.png"] == ranks["same.bmp"] and sorted(set(ranks.values())) == list(range(1, 41)), "ranked as one"

    def test_the_table_has_the_unreadable_first(self, ranked, way):
        _, out = ranked[way]
        with (out / "ranking.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 42
        assert (rows[0]["file"], rows[0]["view"], rows[0]["stands_out"], rows[0]["rank"]) == (
            "broken.png",
            "unreadable",
            "True",
            "",
        )
        assert ("rank_low" in rows[0]) == (way == "latents")

    def test_the_page_says_what_the_record_says(self, ranked, way):
        record, out = ranked[way]
        page = (out / "ranking.html").read_text()
        data = json.loads(page.split('id="data">')[1].split("</script>")[0])
        assert [tile["f"] for tile in data["tiles"]] == [entry["file"] for entry in record["pictures"]]
        assert len(data["thumbnails"]) == 40, "one a picture, however many files show it"
        assert page.count('class="told"') == 4
        assert "1 file could not be read" in page and "broken.png" in page
        assert ("What the score is made of" in page) == (way == "latents")
        assert page.count("Where it differs") == (4 if way == "views" else 0)


@pytest.mark.parametrize(
    ("pictures", "changes"),
    [
        ([np.zeros((1, 4, 4))], True),
        ([np.zeros((1, 4, 4))] * 7, False),
        ([np.zeros((1, 4, 4)), np.full((1, 4, 4), 0.01)], False),
        ([np.zeros((1, 4, 4), np.uint8), np.eye(4, dtype=np.uint8)[None] * 200], True),
    ],
)
def test_strips_that_do_not_change_are_not_shown(pictures, changes):
    assert Strip("", pictures).changes == changes
