"""Ranking a batch: statistics, explanations, exploration, the page and the command, good input and bad."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.ranking.explanation import explain
from analysis.ranking.exploration import latent_range, move, sample_batch, walk
from analysis.ranking.picture_set import find_files, fitting_preprocessing, read_pictures
from analysis.ranking.rank_batch import encode_batch, rank_batch
from analysis.ranking.rank_folder import rank_folder
from analysis.ranking.view_folder import view_folder
from models.checkpoint import save_model
from models.config import VAEConfig
from models.errors import UserError
from models.outlier_scores import SCORES, Batch, needs, score_batch, stands_out
from models.vae import VAE
from study.datasets import ArrayImages

SIDE = 8


class BlobCodec:
    """Knows pictures of one bright 2×2 square: mu = its place (x, y) in [−1, 1] and its grey level, σ = 0.05."""

    def encode(self, images, condition=None):
        x = images.reshape(len(images), SIDE, SIDE) / (255 if images.dtype == np.uint8 else 1)
        total = x.sum((1, 2)) + 1e-6
        at = np.arange(SIDE) / (SIDE - 1) * 2 - 1
        mu = np.stack([(x.sum(1) @ at) / total, (x.sum(2) @ at) / total, total / 4], axis=1)
        return mu.astype(np.float32), np.full(mu.shape, np.log(0.0025), np.float32)

    def decode(self, z, condition=None):
        return np.stack([blob(*(latent for latent in row)) for row in z]).astype(np.float32) / 255


def blob(x: float, y: float, grey: float) -> np.ndarray:
    picture = np.zeros((1, SIDE, SIDE), np.uint8)
    column, row = (int(np.clip(round((place + 1) / 2 * (SIDE - 1) - 0.5), 0, SIDE - 2)) for place in (x, y))
    picture[0, row : row + 2, column : column + 2] = int(np.clip(grey, 0, 1) * 255)
    return picture


def blobs(ordinary: int = 60, odd: int = 3) -> ArrayImages:
    """Blobs on the left at any height; the odd ones, at the end, on the right."""
    generator = np.random.default_rng(0)
    pictures = [blob(-0.7, generator.uniform(-1, 1), generator.uniform(0.7, 1)) for _ in range(ordinary)]
    pictures += [blob(0.7, generator.uniform(-1, 1), generator.uniform(0.7, 1)) for _ in range(odd)]
    return ArrayImages(np.stack(pictures))


def batch_of_blobs(ordinary: int = 60, odd: int = 3, score: str = "contrast") -> tuple[ArrayImages, Batch]:
    images = blobs(ordinary, odd)
    return images, encode_batch(BlobCodec(), images, needs(score))


class TestRanking:
    @pytest.mark.parametrize("score", [name for name in SCORES.names() if SCORES.load(name).CONTEXT])
    def test_every_score_of_context_can_rank(self, score):
        _, batch = batch_of_blobs(score=score)
        ranking = rank_batch(batch, score, resamples=5)
        assert sorted(ranking.order.tolist()) == list(range(63))
        assert (ranking.low <= ranking.high).all()
        assert ranking.ranks.min() == 1
        assert (ranking.scores.values[ranking.order][:-1] >= ranking.scores.values[ranking.order][1:]).all()

    def test_the_odd_ones_are_first_and_stand_out(self):
        ranking = rank_batch(batch_of_blobs()[1], resamples=50)
        assert set(ranking.order[:3]) == {60, 61, 62}
        assert ranking.verdict == "odd"
        assert set(np.flatnonzero(ranking.stand_out)) == {60, 61, 62}
        assert (ranking.high[60:] <= 3).all(), "their ranks hold when the batch is resampled"

    def test_nothing_odd_is_possible(self):
        ranking = rank_batch(batch_of_blobs(odd=0)[1], resamples=5)
        assert ranking.verdict == "nothing odd"
        assert not ranking.stand_out.any()

    def test_too_few_pictures_says_so_and_still_ranks(self):
        ranking = rank_batch(batch_of_blobs(ordinary=7, odd=1)[1], resamples=5)
        assert ranking.verdict == "too few to say"
        assert ranking.order[0] == 7
        assert "8 pictures are too few" in ranking.notes[0]

    def test_all_the_same(self):
        _, batch = batch_of_blobs()
        ranking = rank_batch(batch.take(np.zeros(40, np.int64)), resamples=5)
        assert ranking.verdict == "all the same"
        assert (ranking.ranks == 1).all()

    def test_permuting_the_batch_permutes_the_ranking(self):
        _, batch = batch_of_blobs()
        order = np.random.default_rng(0).permutation(63)
        np.testing.assert_array_equal(
            rank_batch(batch.take(order), resamples=5).ranks, rank_batch(batch, resamples=5).ranks[order]
        )

    def test_same_seed_same_ranking(self):
        _, batch = batch_of_blobs()
        first, second = (rank_batch(batch, resamples=20, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first.low, second.low)
        np.testing.assert_array_equal(first.high, second.high)

    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_fewer_than_three_is_an_error(self, n):
        with pytest.raises(UserError, match=f"at least 3 pictures, but got {n}"):
            rank_batch(batch_of_blobs()[1].take(np.arange(n)))


class TestReference:
    def clean(self, seed: int, n: int) -> Batch:
        mu = np.random.default_rng(seed).standard_normal((n, 4))
        return Batch(mu, np.full_like(mu, -3.0))

    def test_p_values_of_clean_pictures_are_uniform_and_false_discoveries_stay_below_the_rate(self):
        small, discoveries = [], 0
        for seed in range(60):
            ranking = rank_batch(self.clean(seed, 40), reference=self.clean(1000 + seed, 120), fdr=0.1, resamples=2)
            assert ranking.p_values is not None
            small.append((ranking.p_values <= 0.1).mean())
            discoveries += bool(ranking.stand_out.any())
        assert np.mean(small) == pytest.approx(0.1, abs=0.03)
        assert discoveries / 60 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 60)

    def test_odd_pictures_are_selected(self):
        batch = self.clean(0, 40)
        batch.mu[:4] += 8
        ranking = rank_batch(batch, reference=self.clean(1, 400), fdr=0.1, resamples=5)
        assert set(range(4)) <= set(np.flatnonzero(ranking.stand_out))
        assert ranking.verdict == "odd"
        assert ranking.stand_out.sum() <= 7

    def test_a_batch_that_is_odd_as_a_whole_is_selected_as_a_whole(self):
        batch = self.clean(0, 40)
        batch.mu[:] += 8
        assert rank_batch(batch, reference=self.clean(1, 200), resamples=5).stand_out.all()

    def test_a_reference_too_small_to_select_anything_is_said(self):
        ranking = rank_batch(self.clean(0, 100), reference=self.clean(1, 30), resamples=2)
        assert "cannot be selected" in ranking.notes[0]
        with pytest.raises(UserError, match="at least 8 pictures"):
            rank_batch(self.clean(0, 40), reference=self.clean(1, 5))
        with pytest.raises(UserError, match="0 < fdr < 1"):
            rank_batch(self.clean(0, 40), reference=self.clean(1, 50), fdr=1.5)


def test_stands_out_seldom_alarms_on_clean_gaussian_batches():
    generator = np.random.default_rng(0)
    alarms = [stands_out(np.square(generator.standard_normal((64, 5))).sum(1)).any() for _ in range(400)]
    assert np.mean(alarms) < 0.08
    values = np.square(generator.standard_normal(64))
    values[0] = 60
    assert np.flatnonzero(stands_out(values)).tolist() == [0]


class TestExplanation:
    @pytest.mark.parametrize("score", ["contrast", "robust_z", "mahalanobis", "mcd", "negative_elbo"])
    def test_bars_add_up_to_the_score(self, score):
        images, batch = batch_of_blobs(score=score)
        ranking = rank_batch(batch, score, resamples=2)
        for explanation in explain(BlobCodec(), images, ranking, ranking.order[:5]):
            assert explanation.parts is not None
            total = explanation.parts.sum() + explanation.rest
            assert abs(total - ranking.scores.values[explanation.row]) < 1e-6

    def test_the_reason_and_what_would_make_it_fit(self):
        images, batch = batch_of_blobs()
        ranking = rank_batch(batch, resamples=2)
        for e in explain(BlobCodec(), images, ranking, ranking.order[:3]):
            assert e.traversed == 0, "they are odd for being on the right"
            assert e.counterfactual is not None and e.counterfactual.latents[0] == 0
            assert e.counterfactual.before <= 3 < e.counterfactual.after
            assert e.counterfactual.picture[0, :, : SIDE // 2].sum() > 0, "drawn on the left"
            assert e.counterfactual.redrawn <= 3, "drawing it again is not what makes it fit"
            assert e.traversal is not None and e.traversal.shape == (7, 1, SIDE, SIDE)
            assert e.residual.shape == (SIDE, SIDE) and (e.residual >= 0).all()
            assert len(e.nearest) == 5 and e.row not in e.nearest

    def test_a_damaged_picture_shows_where(self):
        images, _ = batch_of_blobs()
        damaged = images.array.copy()
        damaged[5, 0, 0, 7] = 255
        batch = encode_batch(BlobCodec(), ArrayImages(damaged))
        (e,) = explain(BlobCodec(), ArrayImages(damaged), rank_batch(batch, resamples=2), np.array([5]))
        assert e.residual[0, 7] > 0.5

    def test_a_score_without_parts_is_explained_without_bars(self):
        images, batch = batch_of_blobs()
        (e,) = explain(BlobCodec(), images, rank_batch(batch, "knn", resamples=2), np.array([60]))
        assert e.parts is None and e.counterfactual is None and e.traversal is None
        assert len(e.nearest) == 5


class TestExploration:
    def test_samples_come_from_the_batch(self):
        _, batch = batch_of_blobs(odd=0)
        pictures = sample_batch(BlobCodec(), batch, 20)
        assert pictures.shape == (20, 1, SIDE, SIDE)
        assert pictures[..., SIDE // 2 :].sum() == 0, "the batch is on the left, and so is what is drawn from it"
        np.testing.assert_array_equal(pictures, sample_batch(BlobCodec(), batch, 20))

    def test_a_walk_starts_and_ends_at_its_members(self):
        _, batch = batch_of_blobs()
        pictures = walk(BlobCodec(), batch, 0, 62, 5)
        np.testing.assert_allclose(pictures[[0, -1]], BlobCodec().decode(batch.mu[[0, 62]]))

    def test_a_move_changes_one_latent(self):
        _, batch = batch_of_blobs()
        pictures = move(BlobCodec(), batch, 0, 1, np.array([-0.9, 0.9]))
        rows = [np.flatnonzero(picture[0].sum(1)).tolist() for picture in pictures]
        assert rows == [[0, 1], [6, 7]]
        assert len(move(BlobCodec(), batch, 0, 1)) == len(latent_range(batch, 1)) == 9

    def test_bad_arguments(self):
        _, batch = batch_of_blobs()
        for call, text in [
            (lambda: walk(BlobCodec(), batch, 0, 99), "0 <= member < 63"),
            (lambda: walk(BlobCodec(), batch, 0, 1, 1), "steps >= 2"),
            (lambda: move(BlobCodec(), batch, 0, 3), "0 <= latent < 3"),
            (lambda: sample_batch(BlobCodec(), batch, 0), "count >= 1"),
        ]:
            with pytest.raises(UserError, match=text):
                call()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    """An untrained model: enough for files, formats and errors."""
    import torch

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "small.vae"
    save_model(
        VAE(VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": [16]}, latent_dim=4)), path
    )
    return path


def folder_of(path: Path, n: int = 40) -> Path:
    path.mkdir(exist_ok=True)
    for number, picture in enumerate(blobs(n, 0).array):
        Image.fromarray(picture[0]).save(path / f"{number:02d}.png")
    return path


class TestCommand:
    def test_files_and_their_content(self, tmp_path, model_file):
        folder = folder_of(tmp_path / "in")
        record, ranking = rank_folder(folder, tmp_path / "out", str(model_file), top=3)
        with (tmp_path / "out" / "ranking.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[:3] == ["rank", "file", "score"]
        assert len(rows) == 40 >= len(ranking) > 3, "a row a file; nearly equal ones are one picture"
        assert [int(row["rank"]) for row in rows] == sorted(int(row["rank"]) for row in rows)
        assert json.loads((tmp_path / "out" / "ranking.json").read_text()) == record
        for entry in record["pictures"][:3]:
            told = entry["explanation"]
            assert abs(sum(told["parts"]) + told["not_in_the_latents"] - entry["score"]) < 1e-6
        page = (tmp_path / "out" / "ranking.html").read_text()
        assert page.count('class="told"') == 3
        assert "http" not in page.replace("http-equiv", ""), "self-contained"
        assert "00.png" in page

    def test_mixed_sizes_modes_sub_folders_and_rubbish(self, tmp_path, model_file):
        folder = folder_of(tmp_path / "in", 10)
        (folder / "sub").mkdir()
        Image.new("RGB", (30, 17), "red").save(folder / "sub" / "red.jpg")
        Image.new("RGBA", (5, 5)).save(folder / "clear.png")
        Image.new("1", (9, 9)).save(folder / "bits.png")
        (folder / "notes.txt").write_text("no picture")
        (folder / "cut.png").write_bytes((folder / "00.png").read_bytes()[:40])
        (folder / ".hidden.png").write_bytes(b"")
        record, _ = rank_folder(folder, tmp_path / "out", str(model_file), top=1)
        names = {entry["file"] for entry in record["pictures"]}
        assert {"sub/red.jpg", "clear.png", "bits.png"} <= names and len(names) == 13
        assert "cut.png" in record["notes"][0] and "notes.txt" in record["notes"][0]

    def test_excluded_pictures_and_copies_of_the_first(self, tmp_path, model_file):
        folder = folder_of(tmp_path / "in", 10)
        (tmp_path / "list.txt").write_text("03.png\n\n07.png\n")
        done = self.run(folder, "--model", model_file, "--out", tmp_path / "out", "--exclude", tmp_path / "list.txt",
                        "--copy-top", tmp_path / "top", "--top", 2, "--json")  # fmt: skip
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert len(record["pictures"]) == 8
        assert sorted(path.name for path in (tmp_path / "top").glob("*.png")) == [
            f"{entry['rank']:04d}-{entry['file']}" for entry in record["pictures"][:2]
        ]

    @pytest.mark.parametrize(
        ("prepare", "says"),
        [
            (lambda folder: None, "is not a folder"),
            (lambda folder: folder.mkdir(), "has no files"),
            (lambda folder: (folder.mkdir(), (folder / "a.txt").write_text("x")), "none of 1 files is a readable picture"),
            (lambda folder: folder_of(folder, 1), "at least 3 pictures"),
        ],
    )
    def test_bad_folders(self, tmp_path, model_file, prepare, says):
        prepare(tmp_path / "in")
        with pytest.raises(UserError, match=says):
            rank_folder(tmp_path / "in", tmp_path / "out", str(model_file))
        assert not (tmp_path / "out").exists()

    def test_bad_input_is_one_line_and_status_2(self, tmp_path):
        done = self.run(tmp_path / "none", "--out", tmp_path / "out")
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "is not a folder" in done.stderr

    def test_bad_names(self, tmp_path, model_file):
        folder = folder_of(tmp_path / "in", 4)
        with pytest.raises(UserError, match="unknown outlier score 'best'"):
            rank_folder(folder, tmp_path / "out", str(model_file), score="best")
        with pytest.raises(UserError, match="no model file"):
            rank_folder(folder, tmp_path / "out", str(tmp_path / "none.vae"))
        with pytest.raises(UserError):
            rank_folder(folder, tmp_path / "out", "nobody", registry=tmp_path / "store")

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "analysis.rank", *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def test_a_person_with_nothing_but_pictures(self, tmp_path):
        """The default: no model, no training; copies, damage and unreadable files are told."""
        folder = folder_of(tmp_path / "in", 60)
        for number, picture in enumerate(blobs(0, 3).array):
            Image.fromarray(picture[0]).save(folder / f"odd{number}.png")
        Image.open(folder / "03.png").save(folder / "same.bmp")
        (folder / "broken\n.png").write_text("no picture")
        done = self.run(folder, "--out", folder / "ranked", "--views", "pixels,statistics", "--json")
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        assert {entry["file"] for entry in record["pictures"][:3]} == {"odd0.png", "odd1.png", "odd2.png"}
        assert all(entry["reason"] and entry["nearest"] for entry in record["pictures"][:20])
        copy = next(entry for entry in record["pictures"] if entry["file"] == "same.bmp")
        assert "03.png" in copy["copies"]
        assert copy["rank"] == next(entry["rank"] for entry in record["pictures"] if entry["file"] == "03.png")
        assert [bad["file"] for bad in record["unreadable"]] == ["broken\n.png"]
        with (folder / "ranked" / "ranking.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows[0]["view"] == "unreadable" and "not a picture" in rows[0]["reason"] and len(rows) == 65
        page = (folder / "ranked" / "ranking.html").read_text()
        assert "http" not in page and "could not be read" in page
        (tmp_path / "marks.csv").write_bytes(b"file,mark\nodd0.png,odd\n00.png,fine\n")
        again = self.run(folder, "--out", tmp_path / "x", "--views", "pixels", "--exclude", tmp_path / "marks.csv", "--json")
        assert len(json.loads(again.stdout)["pictures"]) == 63, "neither what was marked odd nor the page's own files"

    @pytest.mark.parametrize("option", ["--out", "--copy-top"])
    def test_the_pictures_own_folder_is_no_place_for_output(self, tmp_path, option):
        folder = folder_of(tmp_path / "in", 5)
        done = self.run(folder, "--views", "pixels", option, folder / ".." / "in")
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and f"{option} must be another folder" in done.stderr
        assert len(list(folder.iterdir())) == 5, "it can be ranked again"

    def test_names_with_line_breaks_stay_on_one_line(self, tmp_path):
        folder = folder_of(tmp_path / "in", 5)
        (folder / "00.png").rename(folder / "two\nlines.png")
        (folder / "no\npicture.png").write_bytes(b"")
        done = self.run(folder, "--out", tmp_path / "out", "--views", "pixels")
        lines = done.stdout.splitlines()
        assert len(lines) == 10 and sum("\\n" in line for line in lines) == 3, done.stdout

    def test_without_features_one_line_says_how_to_get_them(self, tmp_path, monkeypatch):
        monkeypatch.setattr("analysis.ranking.rank_views.find_spec", lambda name: None)
        record, ranking = view_folder(folder_of(tmp_path / "in", 30), tmp_path / "out", registry=tmp_path / "store")
        assert "features" not in ranking.looks and "registry pull" in record["notes"][0]

    def test_all_the_same_and_a_reference(self, tmp_path):
        folder = folder_of(tmp_path / "in", 20)
        first = (folder / "00.png").read_bytes()
        for path in folder.iterdir():
            path.write_bytes(first)
        record, ranking = view_folder(folder, tmp_path / "out", ("pixels", "statistics"))
        assert record["verdict"] == "all the same" and (ranking.ranks == 1).all()
        clean, mixed = folder_of(tmp_path / "clean", 120), folder_of(tmp_path / "mixed", 9)
        Image.fromarray(blobs(0, 1).array[0, 0]).save(mixed / "odd.png")
        record, _ = view_folder(mixed, tmp_path / "out", ("pixels",), reference=clean, fdr=0.2)
        assert record["pictures"][0]["file"] == "odd.png" and record["pictures"][0]["p_value"] <= 2 / 61

    @pytest.mark.parametrize(
        ("views", "says"), [("latents", "needs a VAE"), ("nothing", "unknown view"), ("statistics", "always speak")]
    )
    def test_bad_views(self, tmp_path, views, says):
        with pytest.raises(UserError, match=says):
            view_folder(folder_of(tmp_path / "in", 20), tmp_path / "out", (views,))
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("spelled", ["utf-8", "latin-1"])
    @pytest.mark.parametrize("written", ["utf-8", "latin-1"])
    def test_an_exclusion_list_in_latin_1(self, tmp_path, spelled, written):
        from analysis.ranking.marks import listed

        folder = folder_of(tmp_path / "in", 5)
        try:
            (folder / "00.png").rename(os.fsdecode(os.fsencode(folder) + "/é.png".encode(spelled)))
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        for text in ("é.png\n", "file,mark\né.png,odd\n01.png,fine\n", "file,marks\r\né.png,odd\r\n"):
            (tmp_path / "list").write_bytes(text.encode(written))
            if (spelled, written) == ("latin-1", "utf-8"):
                with pytest.raises(UserError, match="é"):
                    find_files(folder, listed(tmp_path / "list", "odd"))
            else:
                assert len(find_files(folder, listed(tmp_path / "list", "odd"))) == 4

    def test_an_exclusion_that_matches_nothing_is_an_error(self, tmp_path):
        with pytest.raises(UserError, match=r"these are not: 99\.png"):
            view_folder(folder_of(tmp_path / "in", 20), tmp_path / "out", ("pixels",), exclude=("99.png",))

    def test_a_picture_of_100_megapixels_is_a_row_with_its_reason_and_no_warning(self, tmp_path, recwarn):
        folder = folder_of(tmp_path / "in", 5)
        Image.new("1", (10_000, 10_001)).save(folder / "huge.png")
        record, _ = view_folder(folder, tmp_path / "out", ("pixels",))
        assert "width × height <= 80,000,000" in record["unreadable"][0]["reason"] and not recwarn.list

    def test_a_name_of_250_characters_can_be_copied(self, tmp_path):
        folder = folder_of(tmp_path / "in", 20)
        (folder / "00.png").rename(folder / f"{'a' * 246}.png")
        done = self.run(folder, "--out", tmp_path / "out", "--views", "pixels", "--copy-top", tmp_path / "top", "--top", 20)
        assert done.returncode == 0, done.stderr
        assert len(list((tmp_path / "top").glob("*.png"))) == 20


def test_pictures_choose_their_own_size_and_mode(tmp_path):
    folder = folder_of(tmp_path / "grey", 5)
    assert fitting_preprocessing(find_files(folder)).image_shape == (1, 32, 32)
    Image.new("RGB", (300, 200), "red").save(folder / "large.png")
    assert fitting_preprocessing(find_files(folder)).mode == "RGB"
    pictures = read_pictures(folder, find_files(folder), fitting_preprocessing(find_files(folder)), "")
    assert pictures.images.image_shape == (3, 32, 32) and pictures.names[-1] == "large.png"


def test_torch_and_onnx_agree():
    """The same batch through torch and through the exported files: scores within 1e-4, and the same order."""
    import torch

    from models.codec import TorchCodec
    from registry.export import export_onnx
    from registry.inference import Model
    from study.publishing.agreement import check_agreement, score_agreement
    from tests.registry.helpers import manifest

    torch.manual_seed(0)
    vae = VAE(VAEConfig(image_shape=(1, 8, 8), architecture="mlp", architecture_options={"hidden": [16]}, latent_dim=4)).eval()
    images = blobs().array
    exported = Model(manifest(config=vae.config), export_onnx(vae))
    found = score_agreement(TorchCodec(vae), exported, images)
    assert found.largest_difference < 1e-4 and found.same_order
    check_agreement(TorchCodec(vae), exported, images)
    with pytest.raises(UserError, match=r"scores must agree to 0\.0001"):
        check_agreement(TorchCodec(VAE(vae.config).eval()), exported, images)
    assert np.isfinite(score_batch("contrast", encode_batch(TorchCodec(vae), ArrayImages(images))).values).all()


def test_folders_of_one_name_have_their_own_output_and_a_refused_one_leaves_nothing(tmp_path, monkeypatch, capsys):
    from analysis.rank import app
    from registry.console import run

    def ranked(folder):
        monkeypatch.setattr("sys.argv", ["rank", str(folder), "--views", "pixels"])
        with pytest.raises(SystemExit) as ended:
            run(app)
        return ended.value.code or 0, capsys.readouterr()

    rng = np.random.default_rng(0)
    for place in ("a", "b"):
        (tmp_path / place / "images").mkdir(parents=True)
        for number in range(6):
            picture = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
            picture.save(tmp_path / place / "images" / f"{number}.png")
    (tmp_path / "work" / "empty").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert ranked("empty")[0] == 2 and not (tmp_path / "work" / "runs").exists()
    outputs = [ranked(tmp_path / place / "images")[1].out.splitlines()[-1] for place in ("a", "b", "a")]
    assert outputs[0] == outputs[2] == "runs/rankings/images/ranking.html" != outputs[1]
