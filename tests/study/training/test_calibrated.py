"""The learned σ: the best Gaussian of each batch in training, a plain Gaussian afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint import load_model, save_model
from models.codec import TorchCodec
from models.config import Likelihood
from models.elbo import reconstruction_nll
from study.evaluate import evaluate_codec
from study.training.run import Run
from tests.models.helpers import images
from tests.study.training.test_train import blobs, config, finish

CALIBRATED = Likelihood(kind="calibrated")


def runs(steps: int = 60, **fields: object) -> Run:
    plain = config(steps, learning_rate=3e-3, initialisation="he", **fields)
    return Run(plain.model_copy(update={"likelihood": CALIBRATED}), blobs(), seed=0, reports=4)


@given(scale=st.floats(1e-2, 1.0))
@settings(max_examples=20)
def test_no_fixed_scale_is_more_likely(scale: float) -> None:
    x, logits = images(6), 3 * images(6, seed=1) - 1
    best = reconstruction_nll(CALIBRATED, logits, x).mean()
    assert best <= reconstruction_nll(Likelihood(kind="gaussian", scale=scale), logits, x).mean() + 1e-4


def test_its_value_and_gradient_are_those_of_half_the_log_error() -> None:
    """−log p at the best σ = P/2·(log 2πσ² + 1): Rybkin et al. 2021, eq. 9, differentiated through σ."""
    x = images(6)
    ours, theirs = (images(6, seed=1).clone().requires_grad_() for _ in range(2))
    reconstruction_nll(CALIBRATED, ours, x).mean().backward()
    error = (torch.sigmoid(theirs) - x).square().mean()
    expected = 32 * ((2 * math.pi * error).log() + 1)
    expected.backward()
    assert reconstruction_nll(CALIBRATED, ours, x).mean().item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_an_exact_reconstruction_stays_finite() -> None:
    x = torch.full((2, 1, 8, 8), 0.5)
    assert torch.isfinite(reconstruction_nll(CALIBRATED, torch.zeros_like(x), x)).all()


def test_a_trained_model_is_a_plain_gaussian_wherever_it_goes(tmp_path: Path) -> None:
    run = finish(runs())
    likelihood = run.model.config.likelihood
    assert run.config.likelihood.kind == "calibrated" and likelihood.kind == "gaussian"
    assert 0.05 < likelihood.scale < 0.35  # between that of a perfect picture and the mean image's
    save_model(run.model, tmp_path / "model.vae")
    loaded = load_model(tmp_path / "model.vae")
    assert loaded.config.likelihood == likelihood
    values = [evaluate_codec(TorchCodec(model), run.dataset, metrics=["recon"]).values for model in (run.model, loaded)]
    assert values[0] == values[1]
    assert values[0]["recon"] == pytest.approx(run.history[-1].recon, abs=20)
    assert np.isfinite(values[0]["recon"])


def test_it_learns_and_is_judged_on_the_same_scale() -> None:
    lively, dead = finish(runs(400)), finish(runs(100, options={"beta": 1000.0}))
    assert lively.status == "complete" and lively.model.config.likelihood.scale < 0.8 * dead.model.config.likelihood.scale
    assert dead.status == "collapsed"


def test_an_interrupted_run_gives_the_same_numbers(tmp_path: Path) -> None:
    whole, first, second = finish(runs()), runs(), runs()
    next(first.advance())
    first.save(tmp_path / "run.ckpt")
    assert second.resume(tmp_path / "run.ckpt")
    assert finish(second).history[-1].loss == whole.history[-1].loss
    assert second.model.config == whole.model.config
