"""The ELBO's terms against torch.distributions and SciPy, over wide inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Normal, kl_divergence

from models.config import Likelihood
from models.elbo import gaussian_kl, reconstruction_nll, reparameterise

latents = st.lists(st.tuples(st.floats(-50, 50), st.floats(-30, 10)), min_size=1, max_size=16)
pixels = st.lists(st.tuples(st.floats(-15, 15), st.floats(0, 1)), min_size=1, max_size=16)


def columns(pairs: list[tuple[float, float]]) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.tensor(pairs, dtype=torch.float64).T
    return first[None], second[None]


@given(latents)
def test_kl_is_that_of_torch_distributions(pairs: list[tuple[float, float]]) -> None:
    mu, logvar = columns(pairs)
    expected = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(torch.zeros_like(mu), torch.ones_like(mu)))
    torch.testing.assert_close(gaussian_kl(mu, logvar), expected)


@given(latents)
def test_kl_is_not_negative_also_in_float32(pairs: list[tuple[float, float]]) -> None:
    mu, logvar = (t.float() for t in columns(pairs))
    assert (gaussian_kl(mu, logvar) >= 0).all()
    assert (gaussian_kl(mu * 1e-4, logvar * 1e-6) >= 0).all()


def test_an_unused_latent_keeps_its_digits() -> None:
    """KL ≈ ¼·logvar² close to the prior; σ² − 1 − log σ² in float32 would be zero or noise."""
    logvar = torch.tensor([[1e-3]])
    assert gaussian_kl(torch.zeros(1, 1), logvar).item() == pytest.approx(0.25e-6, rel=1e-2)


@given(pixels)
def test_bernoulli_nll_is_scipys_on_black_and_white(pairs: list[tuple[float, float]]) -> None:
    logits, grey = columns(pairs)
    x = grey.round()
    expected = -stats.bernoulli.logpmf(x.numpy(), torch.sigmoid(logits).numpy()).sum()
    nll = reconstruction_nll(Likelihood(), logits[:, None, None], x[:, None, None])
    assert nll.shape == (1,)
    assert nll.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(pixels)
def test_bernoulli_nll_is_linear_in_the_grey_level(pairs: list[tuple[float, float]]) -> None:
    """x log y + (1−x) log(1−y): between the values of black and of white, never below the entropy of x."""
    logits, x = (t[:, None, None] for t in columns(pairs))
    black, white = (torch.full_like(x, level) for level in (0.0, 1.0))
    each = [
        reconstruction_nll(Likelihood(), logits.flatten()[:, None, None, None], t.flatten()[:, None, None, None])
        for t in (x, black, white)
    ]
    grey = x.flatten()
    torch.testing.assert_close(each[0], (1 - grey) * each[1] + grey * each[2])
    entropy = torch.distributions.Bernoulli(grey).entropy().sum()
    assert each[0].sum() >= entropy - 1e-6 * (1 + abs(entropy))


@given(pixels, st.floats(0.05, 5))
def test_gaussian_nll_is_scipys(pairs: list[tuple[float, float]], scale: float) -> None:
    logits, x = columns(pairs)
    expected = -stats.norm.logpdf(x.numpy(), torch.sigmoid(logits).numpy(), scale).sum()
    nll = reconstruction_nll(Likelihood(kind="gaussian", scale=scale), logits[:, None, None], x[:, None, None])
    assert nll.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_default_scale_is_the_tutorials_squared_error() -> None:
    """σ = √½: Σ(x − y)² plus ½ log π a pixel."""
    logits, x = torch.randn(2, 1, 3, 3), torch.rand(2, 1, 3, 3)
    squared = (torch.sigmoid(logits) - x).square().flatten(1).sum(1)
    nll = reconstruction_nll(Likelihood(kind="gaussian"), logits, x)
    torch.testing.assert_close(nll, squared + 9 * 0.5 * math.log(math.pi))


def test_terms_stay_per_image() -> None:
    logits, x = torch.randn(4, 3, 2, 2), torch.rand(4, 3, 2, 2)
    for kind in ("bernoulli", "gaussian"):
        together = reconstruction_nll(Likelihood(kind=kind), logits, x)
        alone = torch.cat([reconstruction_nll(Likelihood(kind=kind), logits[i : i + 1], x[i : i + 1]) for i in range(4)])
        torch.testing.assert_close(together, alone)


def test_extreme_logits_stay_finite() -> None:
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    nll = reconstruction_nll(Likelihood(), torch.tensor([200.0, -200.0]).view(2, 1, 1, 1), x)
    assert nll.tolist() == [200.0, 200.0]


def test_samples_have_the_posteriors_moments() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((200_000, 1)))
    z = reparameterise(torch.full_like(noise, 2.0), torch.full_like(noise, math.log(0.25)), noise)
    assert z.mean().item() == pytest.approx(2.0, abs=0.005)
    assert z.std().item() == pytest.approx(0.5, abs=0.005)


def test_a_gradient_flows_through_the_sample() -> None:
    mu, logvar = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
    reparameterise(mu, logvar, torch.full((1, 1), 3.0)).backward()
    assert mu.grad.item() == 1
    assert logvar.grad.item() == 1.5  # ½·σ·noise
