"""Fréchet distance, inception score, and what a wrong label does: known good, known bad, degenerate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from study.datasets import load_dataset
from study.reproduction.conditional import conditional_measurement, ink, slant, wrong_labels
from study.reproduction.sample_quality import (
    SampleQuality,
    classifier_frechet_distance,
    classifier_inception_score,
    small_classifier,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def digits(folder):
    return load_dataset("digits", folder, image_size=28)


@pytest.fixture(scope="module")
def classifier(digits, folder):
    return small_classifier(digits, folder)


def test_distance_of_shifted_gaussians_is_the_squared_shift():
    features = np.random.default_rng(0).standard_normal((500, 5))
    assert classifier_frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert classifier_frechet_distance(features, features + 3) == pytest.approx(5 * 9)
    assert classifier_frechet_distance(features, 2 * features) == pytest.approx(
        np.trace(np.cov(features, rowvar=False)) + np.square(features.mean(0)).sum()
    )


@given(st.integers(0, 2**32 - 1))
def test_distance_is_symmetric_and_not_negative(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((40, 3)), rng.standard_normal((50, 3)) * rng.uniform(0, 3, 3)
    assert classifier_frechet_distance(a, b) == pytest.approx(classifier_frechet_distance(b, a), abs=1e-8)
    assert classifier_frechet_distance(a, b) > -1e-8


def test_distance_of_constant_samples_is_finite():
    features = np.random.default_rng(0).standard_normal((100, 4))
    assert np.isfinite(classifier_frechet_distance(np.zeros((100, 4)), features))


@pytest.mark.parametrize("classes", [2, 10])
def test_inception_score_goes_from_one_to_the_number_of_classes(classes):
    assert classifier_inception_score(np.eye(classes)) == pytest.approx(classes)
    assert classifier_inception_score(np.full((7, classes), 1 / classes)) == pytest.approx(1)
    assert classifier_inception_score(np.tile(np.eye(classes)[:1], (7, 1))) == pytest.approx(1)


def test_classifier_learns_and_is_cached(digits, classifier, folder):
    assert classifier.accuracy > 0.95
    again = small_classifier(digits, folder)
    assert again.accuracy == classifier.accuracy
    images = digits.images[digits.parts["test"]]
    np.testing.assert_array_equal(again.look(images)[1], classifier.look(images)[1])


def test_real_pictures_beat_noise(digits, classifier):
    test, validation = (digits.images[digits.parts[part]] for part in ("test", "validation"))
    quality = SampleQuality(classifier, test)
    real = quality.scores(validation)
    noise = quality.scores(np.random.default_rng(0).integers(0, 256, validation.shape, dtype=np.uint8))
    assert real["classifier_frechet_distance"] < noise["classifier_frechet_distance"] / 5
    assert real["classifier_inception_score"] > 7 > noise["classifier_inception_score"]


def test_without_labels_there_is_no_classifier(digits, folder):
    with pytest.raises(UserError, match="needs labels"):
        small_classifier(replace(digits, labels=None), folder)


class Pixels:
    """z is the picture itself; the label is ignored."""

    def encode(self, images, condition=None):
        mu = (images / np.float32(255)).reshape(len(images), -1)
        return mu, np.full_like(mu, -10)

    def decode(self, z, condition=None):
        return z.reshape(-1, 1, 28, 28).astype(np.float32)


class LabelAlone:
    """z is ignored; the label's prototype comes out."""

    def __init__(self, prototypes):
        self.prototypes = prototypes

    def encode(self, images, condition=None):
        return np.zeros((len(images), 2), np.float32), np.zeros((len(images), 2), np.float32)

    def decode(self, z, condition=None):
        return self.prototypes[condition]


class Whisper(LabelAlone):
    """The means tell the label, a thousand times more softly than the noise."""

    def encode(self, images, condition=None):
        return 1e-3 * np.eye(10, dtype=np.float32)[condition], np.zeros((len(images), 10), np.float32)


def test_a_label_below_the_noise_is_no_information(digits, classifier):
    rows = digits.parts["test"]
    images, labels = digits.images[rows], digits.labels[rows]
    prototypes = np.stack([images[labels == k][0] for k in range(10)]) / np.float32(255)
    assert conditional_measurement(Whisper(prototypes), images, labels, 10, classifier)["label_from_z"] < 0.3


def test_measurement_tells_a_model_that_ignores_the_label_from_one_that_ignores_the_image(digits, classifier):
    rows = digits.parts["test"]
    images, labels = digits.images[rows], digits.labels[rows]
    prototypes = np.stack([images[labels == k][0] for k in range(10)]) / np.float32(255)
    seeing = conditional_measurement(Pixels(), images, labels, 10, classifier)
    blind = conditional_measurement(LabelAlone(prototypes), images, labels, 10, classifier)

    assert seeing["explained_by_z"] == pytest.approx(1) and seeing["style_slant"] == pytest.approx(1)
    assert seeing["kept_accuracy"] > 0.9 > 0.1 > seeing["told_accuracy"] and seeing["label_from_z"] > 0.6
    assert blind["explained_by_z"] == pytest.approx(0) and abs(blind["style_slant"]) < 0.3
    assert blind["told_accuracy"] > 0.9 and blind["kept_accuracy"] < 0.1
    assert blind["label_from_z"] < 0.3


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 1000))
def test_wrong_labels_are_wrong_and_valid(labels, seed):
    true = np.array(labels)
    wrong = wrong_labels(true, 5, seed)
    assert (wrong != true).all() and ((wrong >= 0) & (wrong < 5)).all()


def test_style_of_a_sheared_bar():
    image = np.zeros((2, 1, 20, 20), np.float32)
    image[0, 0, :, 10] = 1
    image[1, 0, np.arange(20), np.arange(20)] = 1
    np.testing.assert_allclose(slant(image), [0, 1], atol=1e-6)
    np.testing.assert_allclose(ink(image), [0.05, 0.05], atol=1e-6)
    assert np.isfinite(slant(np.zeros((1, 1, 5, 5), np.float32))).all()
