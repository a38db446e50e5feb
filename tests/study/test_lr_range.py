"""The range test finds a useful rate, stops when the loss explodes, and refuses nonsense."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from models.errors import UserError
from study.config import TrialConfig
from study.datasets import load_dataset
from study.lr_range import app, range_test, smoothed, suggestion


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return load_dataset("digits", tmp_path_factory.mktemp("data"), image_size=28)


def config(steps=80) -> TrialConfig:
    training = {"steps": steps, "batch_size": 64, "precision": "float32"}
    return TrialConfig(dataset="digits", architecture="mlp", architecture_options={"hidden": (64,)}, training=training)


def test_suggests_a_rate_that_trains(digits):
    found = range_test(config(), digits, 1e-6, 1.0)
    assert 1e-5 < found.suggestion < 0.3
    assert (np.diff(found.rates) > 0).all() and len(found.rates) == len(found.smooth) == len(found.losses)
    assert found.smooth.min() < 0.8 * found.smooth[0]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1e-3, 1e-3), (1e-3, 2), (-1, 1)])
def test_bad_ranges_are_refused(digits, low, high):
    with pytest.raises(UserError, match="0 < low < high <= 1 must hold"):
        range_test(config(), digits, low, high)


def test_no_suggestion_where_the_loss_never_falls():
    assert suggestion(np.logspace(-4, 0, 5), np.array([1.0, 2, 3, 4, 5])) is None
    assert suggestion(np.array([1e-3]), np.array([1.0])) is None


def test_smoothing_keeps_a_constant():
    np.testing.assert_allclose(smoothed(np.full(20, 3.0)), 3.0)


def test_command_writes_the_plot(tmp_path):
    arguments = ["mnist_vae", "--dataset", "digits", "--steps", "40", "--out", str(tmp_path), "--data", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["recipe"] == "mnist_vae"
    assert (tmp_path / "mnist_vae" / "lr_range.png").stat().st_size > 5_000
