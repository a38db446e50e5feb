"""BatchRank's tables, and the whole command on a small labelled data set of picture files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from analysis.batchrank import app
from analysis.ranking.benchmark import tables
from analysis.ranking.benchmark_text import markdown
from analysis.tables.method_quality import comparison_table, gain_table, quality_table, values_of
from models.checkpoint import save_model
from models.config import VAEConfig
from models.errors import UserError
from models.vae import VAE


def made_up_rows(models: int = 3, batches: int = 20) -> pd.DataFrame:
    """contrast about 0.9, other about 0.6, without_context about 0.5; twins in every batch."""
    generator = np.random.default_rng(0)
    means = {"contrast": 0.9, "other": 0.6, "without_context": 0.5}
    return pd.DataFrame(
        {
            "model": f"m{model}", "subject": "scale", "cell": f"scale n={n} odd=6", "index": index, "twin": twin,
            "method": method, "auroc": value, "ap": value / 2, "hit": float(value > 0.8), "chance": 0.25,
            "false_alarms": 0.0, "found": 0.5, "explanation_hit": value if method == "contrast" else np.nan,
            "ordinary_hit": 0.2 if method == "contrast" else np.nan,
        }
        for model in range(models) for n in (16, 64) for index in range(batches) for twin in range(2)
        for method, mean in means.items() for value in [mean + 0.02 * generator.standard_normal()]
    )  # fmt: skip


class TestTables:
    def test_values_average_the_twins(self):
        rows = made_up_rows()
        values = values_of(rows, "contrast", "auroc")
        assert values.shape == (3, 2, 20)
        first = rows[
            (rows.model == "m0") & (rows.cell == "scale n=16 odd=6") & (rows["index"] == 0) & (rows.method == "contrast")
        ]
        assert values[0, 0, 0] == pytest.approx(first.auroc.mean())
        assert values_of(rows, "other", "explanation_hit").size == 0

    def test_quality_is_sorted_and_its_intervals_hold_the_truth(self):
        table = quality_table(made_up_rows(), "auroc")
        assert list(table.index) == ["contrast", "other", "without_context"]
        assert table.loc["contrast", "all"].low < 0.9 < table.loc["contrast", "all"].high
        assert list(table.columns) == ["all", "scale"]

    def test_comparison_and_gain(self):
        comparison = comparison_table(made_up_rows(), "auroc")
        assert comparison.loc["other", "contrast minus it"].low > 0.28
        assert comparison.loc["other", "p (Holm)"] < 0.01
        gain = gain_table(made_up_rows()).loc["scale", "gain"]
        assert gain.low < 0.4 < gain.high

    def test_all_tables_have_their_rows(self):
        found = tables(made_up_rows())
        assert found["explanations"].loc[("contrast", "scale"), "times chance"] == pytest.approx(0.9 / 0.25, rel=0.02)
        assert (found["clean batches and found pictures"]["batches with a false alarm"] == 0).all()

    def test_methods_without_the_default_have_the_other_tables(self):
        rows = made_up_rows()
        found = tables(rows[rows.method == "other"])
        assert list(found["AUROC"].index) == ["other"]
        assert all(table.empty for title, table in found.items() if "default" in title)
        assert "## AUROC" in markdown("made up", rows[rows.method == "other"], found)

    @pytest.mark.parametrize("methods", [("folder",), ("folder", "folder_features")])
    def test_the_command_is_compared_with_features_where_they_are(self, methods):
        rows = made_up_rows()
        rows = pd.concat([rows, *(rows[rows.method == "other"].assign(method=method) for method in methods)])
        (table,) = (table for title, table in tables(rows).items() if "the command analysis.rank" in title)
        assert list(table.columns) == [f"{methods[-1]} minus it", "p (Holm)"] and len(table) == len(methods) + 2


@pytest.fixture(scope="module")
def labelled_folder(tmp_path_factory):
    """Three classes of 8×8 pictures: bright in one of three rows; published parts."""
    root = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for part, count in (("train", 4), ("test", 40)):
        for label in range(3):
            folder = root / part / f"row{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                picture = generator.integers(0, 40, (8, 8), dtype=np.uint8)
                picture[2 * label + 1] = generator.integers(200, 256)
                Image.fromarray(picture).save(folder / f"{number}.png")
    return root


class TestCommand:
    def test_the_whole_benchmark_on_a_folder_of_classes(self, labelled_folder, tmp_path):
        import torch

        torch.manual_seed(0)
        config = VAEConfig(image_shape=(3, 64, 64), architecture="mlp", architecture_options={"hidden": [8]}, latent_dim=4)
        save_model(VAE(config), tmp_path / "a.vae")
        arguments = [
            tmp_path / "a.vae",
            "--dataset",
            f"folder:{labelled_folder}",
            "--data",
            tmp_path / "data",
            "--out",
            tmp_path / "out",
        ]
        methods = [
            "--methods",
            "contrast,robust_z,acr,negative_elbo,random,without_context,untrained_encoder,folder,view_musc",
        ]
        done = CliRunner().invoke(app, [*map(str, arguments), *methods, "--batches", "4", "--json"], catch_exceptions=False)
        assert done.exit_code == 0
        found = json.loads(done.stdout)
        assert set(found["AUROC"]) == set(methods[1].split(","))
        assert set(found["AUROC"]["contrast"]) == {"all", "class", "lowlevel"}
        (folder,) = (tmp_path / "out").iterdir()
        rows = pd.read_parquet(folder / "rows.parquet")
        assert {"class", "lowlevel"} == set(rows.subject)
        assert rows.auroc.dropna().between(0, 1).all()
        assert (folder / "batchrank.md").read_text().startswith("# BatchRank on folder")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--methods", "nonsense"], "unknown outlier score 'nonsense'"),
            (["--role", "training"], "unknown role 'training'"),
            ([], "--dataset must say"),
        ],
    )
    def test_bad_input(self, tmp_path, arguments, says):
        save_model(VAE(VAEConfig(image_shape=(1, 8, 8), architecture="mlp", latent_dim=2)), tmp_path / "a.vae")
        with pytest.raises(UserError, match=says):
            CliRunner().invoke(app, [str(tmp_path / "a.vae"), *arguments], catch_exceptions=False)
