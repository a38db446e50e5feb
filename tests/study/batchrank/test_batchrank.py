"""BatchRank's parts: drawing, qualities, statistics, and the benchmark as a whole on codes with known answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from analysis.tables.crossed import holm, interval, p_value
from models.config import VAEConfig
from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE
from study.batchrank.bench import Bench, standard_cells
from study.batchrank.cells import Cell, Subject, draw, pairs_of
from study.batchrank.quality import chance_ap, ranking_quality
from study.batchrank.quick import trial_rows
from study.batchrank.sample import Sample, lowlevel_dataset, sample_of
from study.datasets import ArrayImages, Dataset
from study.metrics import compute, metric_of, possible_metrics

SIZES = (6, 6, 40)  # the last factor is noise that no subject of these tests uses
MEAN = np.array([0.402, 0.402, 0.459], np.float32)  # of the grid's pixels


def grid_dataset(labels_only: bool = False) -> Dataset:
    """1×3-pixel pictures whose grey levels are the factors: a perfect encoder only has to look at them."""
    factors = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1).astype(np.int64)
    images = (factors * (250 // np.array(SIZES))).astype(np.uint8)[:, None, None, :]
    rows = np.arange(len(factors))
    parts = {"train": rows[:0], "validation": rows, "test": rows}
    truth = {"labels": factors[:, 0], "label_names": tuple("abcdef")}
    if not labels_only:
        truth = {"factors": factors, "factor_names": ("size", "place", "noise"), "factor_sizes": SIZES}
    return Dataset("grid", "drawn", "digest", ArrayImages(images), parts, **truth)


@dataclass
class PixelCodec:
    """One latent a pixel: mu the pixel in units of the population's standard deviation, σ = 0.1.  `turn` rotates two."""

    turn: float = 0.0
    blind: bool = False

    def encode(self, images, condition=None):
        x = images.reshape(len(images), 3) / np.float32(255)
        mu = (x - MEAN) / 0.274
        if self.blind:
            mu = np.random.default_rng(0).standard_normal(mu.shape)
        c, s = np.cos(self.turn), np.sin(self.turn)
        mu[:, :2] = mu[:, :2] @ np.array([[c, -s], [s, c]])
        return mu.astype(np.float32), np.full(mu.shape, np.log(0.01), np.float32)

    def decode(self, z, condition=None):
        return np.clip(z * 0.274 + MEAN, 0, 1).reshape(-1, 1, 1, 3).astype(np.float32)


class WithDeadLatent(PixelCodec):
    """Latent 0 is a thousandth of the first pixel; the first three, with some noise, come after it."""

    def encode(self, images, condition=None):
        mu, logvar = super().encode(images)
        noisy = mu + 0.2 * np.random.default_rng(0).standard_normal(mu.shape)
        return np.hstack([mu[:, :1] / 1000, noisy]).astype(np.float32), np.hstack([0 * mu[:, :1], logvar]).astype(np.float32)


CONFIG = VAEConfig(image_shape=(1, 1, 3), latent_dim=3)


def sample(codec=None, role="report") -> Sample:
    return sample_of(codec or PixelCodec(), CONFIG, grid_dataset(), role)


class TestCells:
    def test_a_batch_is_what_its_cell_says(self):
        subject = sample().subjects["size"]
        for drawn in draw(subject, Cell("size", 64, 6), "d", 0):
            values = subject.values[drawn.rows]
            assert len(set(drawn.rows.tolist())) == 64 and drawn.odd.sum() == 6
            assert len(set(values[drawn.odd])) == len(set(values[~drawn.odd])) == 1
            assert tuple(sorted({values[drawn.odd][0], values[~drawn.odd][0]})) in subject.pairs

    def test_twins_swap_majority_and_odd(self):
        subject = sample().subjects["size"]
        first, second = draw(subject, Cell("size", 32, 3), "d", 5)
        a, b = (subject.values[first.rows][mask][0] for mask in (~first.odd, first.odd))
        assert (subject.values[second.rows][~second.odd] == b).all()
        assert (subject.values[second.rows][second.odd] == a).all()

    def test_scattered_odd_pictures_have_values_of_their_own(self):
        subject = sample().subjects["size"]
        (drawn,) = draw(subject, Cell("size", 64, 13, scattered=True), "d", 0)
        values = subject.values[drawn.rows]
        assert len(set(values[drawn.odd])) > 1 and len(set(values[~drawn.odd])) == 1

    def test_the_same_batch_in_any_order_and_another_for_every_key(self):
        subject, cell = sample().subjects["size"], Cell("size", 16, 1)
        rows = [draw(subject, cell, "d", index)[0].rows.tolist() for index in (0, 1, 0)]
        assert rows[0] == rows[2] != rows[1]
        assert draw(subject, cell, "other data", 0)[0].rows.tolist() != rows[0]
        assert draw(subject, Cell("size", 16, 2), "d", 0)[0].rows.tolist() != rows[0]

    def test_development_and_report_share_no_context(self):
        values = np.arange(10)
        development, report = (set(pairs_of(values, role)) for role in ("development", "report"))
        assert not development & report
        assert len(development | report) == 45
        assert len(development) == 15

    def test_a_clean_cell_has_nothing_odd(self):
        (drawn,) = draw(sample().subjects["size"], Cell("size", 64, 0), "d", 0)
        assert not drawn.odd.any()

    def test_bad_cells_are_refused(self):
        with pytest.raises(UserError, match="odd <= n/2"):
            Cell("size", 16, 9)
        with pytest.raises(UserError, match=r"3 pictures of value . are needed, but there are 2"):
            draw(Subject("tiny", np.array([0, 0, 1, 1]), ((0, 1),)), Cell("tiny", 4, 1), "d", 0)

    def test_orientation_of_dsprites_is_hearts_without_the_repeated_end(self):
        grid = np.stack(np.unravel_index(np.arange(3 * 40 * 2), (3, 40, 2)), axis=1).astype(np.int64)
        data = Dataset(
            "d", "drawn", "x", ArrayImages(np.zeros((240, 1, 1, 3), np.uint8)), {"test": np.arange(240)},
            factors=grid, factor_names=("shape", "orientation", "pos_x"), factor_sizes=(3, 40, 2),
        )  # fmt: skip
        values = sample_of(PixelCodec(), CONFIG, data, "report").subjects["orientation"].values
        assert set(values[grid[:, 0] != 2]) == {-1}
        assert (values[(grid[:, 0] == 2) & (grid[:, 1] == 39)] == 0).all()


class TestQuality:
    def test_chance_of_average_precision_is_exact(self):
        generator = np.random.default_rng(0)
        odd = np.arange(20) < 3
        places = np.sort(np.argsort(generator.random((20_000, 20)), axis=1)[:, odd], axis=1) + 1
        shuffled = (np.arange(1, 4) / places).mean(axis=1)
        assert chance_ap(20, 3) == pytest.approx(shuffled.mean(), abs=0.004)
        assert chance_ap(64, 1) == pytest.approx(0.0741, abs=5e-5)

    @given(st.integers(0, 1000), st.integers(2, 40), st.integers(1, 10))
    def test_agrees_with_scikit_learn(self, seed, n, k):
        k = min(k, n - 1)
        generator = np.random.default_rng(seed)
        odd = generator.permutation(n) < k
        scores = generator.permutation(n).astype(float)
        found = ranking_quality(scores, odd)
        assert found["auroc"] == pytest.approx(roc_auc_score(odd, scores))
        ap = found["ap"] * (1 - chance_ap(n, k)) + chance_ap(n, k)
        assert ap == pytest.approx(average_precision_score(odd, scores))
        assert found["ndcg"] == pytest.approx(ndcg_score([odd.astype(int)], [scores], k=k))

    def test_perfect_worst_and_undecided(self):
        odd = np.array([True, False, False, False])
        assert set(ranking_quality(np.array([4.0, 1, 2, 3]), odd).values()) == {1.0}
        worst = ranking_quality(np.array([0.0, 1, 2, 3]), odd)
        assert (worst["auroc"], worst["hit"], worst["mrr"]) == (0, 0, 0.25)
        assert ranking_quality(np.zeros(4), odd)["auroc"] == 0.5

    @given(st.floats(0.1, 10), st.floats(-5, 5))
    def test_only_the_order_counts(self, scale, shift):
        scores, odd = np.array([0.3, -1.0, 2.0, 0.5, 0.1]), np.array([0, 1, 1, 0, 0], bool)
        assert ranking_quality(scores * scale + shift, odd) == ranking_quality(scores, odd)


class TestStatistics:
    def test_differences_between_models_widen_the_interval(self):
        generator = np.random.default_rng(0)
        alike = generator.normal(0.7, 0.1, size=(4, 1, 50))
        different = alike + np.array([-0.2, -0.1, 0.1, 0.2])[:, None, None]
        widths = [np.subtract(interval(values).high, interval(values).low) for values in (alike, different)]
        assert widths[1] > 2 * widths[0]

    def test_what_methods_share_does_not_hide_their_difference(self):
        generator = np.random.default_rng(0)
        values = generator.normal(size=(1, 1, 40))
        assert p_value(values + generator.normal(0.01, 1e-3, size=values.shape) - values) < 0.01
        assert p_value(values - values) == 1 and np.isnan(interval(values[:, :, :1]).low)

    def test_holm(self):
        assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
        assert holm([0.9, 0.8]) == [1.0, 1.0]


METHODS = (DEFAULT_SCORE, "robust_z", "negative_elbo", "prior_kl", "reconstruction_error", "random", "without_context")


@pytest.fixture(scope="module")
def rows():
    return list(Bench(sample()).run([Cell("size", 32, 3), Cell("place", 32, 3)], METHODS, batches=60))


class TestBench:
    def mean(self, rows, method, key="auroc"):
        return np.mean([row[key] for row in rows if row["method"] == method])

    def test_a_perfect_encoder_is_ranked_by_its_context(self, rows):
        assert self.mean(rows, DEFAULT_SCORE) > 0.95
        assert self.mean(rows, "robust_z") > 0.9

    def test_methods_without_context_are_at_chance(self, rows):
        for method in ("negative_elbo", "prior_kl", "reconstruction_error", "random", "without_context"):
            values = [row["auroc"] for row in rows if row["method"] == method]
            twins = np.array(values).reshape(-1, 2).mean(axis=1)
            assert abs(twins.mean() - 0.5) < 3 * twins.std() / np.sqrt(len(twins)) + 0.01, method

    def test_the_leading_latent_is_the_right_one(self, rows):
        assert self.mean(rows, DEFAULT_SCORE, "explanation_hit") > 0.9
        turned = list(Bench(sample(PixelCodec(turn=np.pi / 4))).run([Cell("size", 32, 3)], (DEFAULT_SCORE,), batches=40))
        assert self.mean(turned, DEFAULT_SCORE) > 0.9, "contrast does not need disentanglement to rank …"
        assert self.mean(turned, DEFAULT_SCORE, "explanation_hit") < 0.8, "… but to explain"

    def test_a_dead_latent_that_follows_a_factor_is_not_the_right_one(self):
        """It does so at a size that no decoder sees, and without noise: by information alone it would be."""
        rows = list(Bench(sample(WithDeadLatent())).run([Cell("size", 32, 3)], (DEFAULT_SCORE,), batches=40))
        assert self.mean(rows, DEFAULT_SCORE, "explanation_hit") > 0.9
        assert {row["chance"] for row in rows} == {1 / 3}

    def test_a_blind_encoder_is_at_chance(self):
        rows = list(Bench(sample(PixelCodec(blind=True))).run([Cell("size", 32, 3)], (DEFAULT_SCORE,), batches=60))
        assert abs(self.mean(rows, DEFAULT_SCORE) - 0.5) < 0.05

    def test_unknown_names_list_the_choices(self):
        bench = Bench(sample())
        with pytest.raises(UserError, match="unknown subject 'colour': choose one of size, place, noise"):
            list(bench.run([Cell("colour", 16, 1)], (DEFAULT_SCORE,)))
        with pytest.raises(UserError, match="needs the untrained twin"):
            list(bench.run([Cell("size", 16, 1)], ("untrained_encoder",)))

    def test_standard_cells_include_clean_ones_and_all_sizes(self):
        cells = standard_cells(["size"])
        assert {cell.n for cell in cells} == {16, 64, 256}
        assert any(cell.odd == 0 for cell in cells) and any(cell.scattered for cell in cells)


def test_damaged_pictures_are_a_data_set_of_their_own():
    base = Dataset(
        "b", "drawn", "x", ArrayImages(np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), dtype=np.uint8)),
        {"train": np.arange(0), "validation": np.arange(0), "test": np.arange(40)},
    )  # fmt: skip
    foreign = Dataset("f", "drawn", "y", ArrayImages(np.full((5, 3, 8, 8), 9, np.uint8)), {"test": np.arange(5)})
    damaged = lowlevel_dataset(base, foreign)
    images = damaged.images[np.arange(40)]
    assert images.shape == (40, 1, 16, 16)
    assert damaged.labels is not None and np.bincount(damaged.labels).tolist() == [10, 10, 10, 10]
    assert (images[damaged.labels == 3] == 9).all()
    originals = base.images[damaged.images.rows]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(images[damaged.labels == 2], 255 - originals[damaged.labels == 2])
    assert images[damaged.labels == 1].std() < originals[damaged.labels == 1].std() / 1.5
    np.testing.assert_array_equal(images[damaged.labels == 0], originals[damaged.labels == 0])


class TestTrialMetrics:
    def values(self, codec, names=("outlier", "context_gain", "explanation_hit")):
        encoding = sample(codec).encoding
        return {key: value for name in names for key, value in compute(name, encoding, 0).items()}

    def test_good_bad_and_their_ranges(self):
        good, bad = self.values(PixelCodec()), self.values(PixelCodec(blind=True))
        assert set(good) == {"outlier_auroc", "outlier_ap", "context_gain", "explanation_hit"}
        assert good["outlier_auroc"] > 0.95 and good["outlier_ap"] > 0.7
        assert good["context_gain"] > 0.4 and good["explanation_hit"] > 0.9
        assert abs(bad["outlier_auroc"] - 0.5) < 0.05 and abs(bad["outlier_ap"]) < 0.05 and abs(bad["context_gain"]) < 0.05
        for key in good:
            low, high = metric_of(key).range
            assert low <= good[key] <= high and low <= bad[key] <= high

    def test_offered_only_where_the_truth_is_known(self):
        names = {"outlier", "context_gain", "explanation_hit"}
        assert names <= set(possible_metrics(factors=3, labels=False))
        assert names & set(possible_metrics(factors=0, labels=True)) == {"outlier", "context_gain"}
        assert not names & set(possible_metrics(factors=0, labels=False))

    def test_labels_are_enough_for_a_ranking(self):
        labelled = sample_of(PixelCodec(), CONFIG, grid_dataset(labels_only=True), "report")
        assert compute("outlier", labelled.encoding, 0)["outlier_auroc"] > 0.95

    def test_too_few_pictures_is_one_clear_line(self):
        small = sample_of(PixelCodec(), CONFIG, grid_dataset(), "report", count=30)
        with pytest.raises(UserError, match="needs 7 pictures of every value"):
            trial_rows(small.encoding)
