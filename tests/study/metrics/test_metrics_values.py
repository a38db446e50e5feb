"""Metrics against numbers worked out another way: by hand, by brute force, by scikit-learn, or by a property that must hold."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, spearmanr
from sklearn.linear_model import Lasso
from sklearn.metrics import mutual_info_score

from models.config import Likelihood
from models.elbo import gaussian_kl
from models.elbo import reconstruction_nll as torch_nll
from models.errors import UserError
from study.evidence.information import binned, entropies, mutual_information
from study.evidence.likelihood import mean_image_nll, perfect_nll, reconstruction_nll
from study.evidence.points import FactorRows, Points
from study.metrics._dci import dci_of
from study.metrics.active_units import active_units
from study.metrics.beta_vae_score import beta_vae_score
from study.metrics.explicitness import explicitness
from study.metrics.factor_vae_score import factor_vae_score
from study.metrics.infomec import infomec
from study.metrics.kl import kl
from study.metrics.kl_parts import kl_parts
from study.metrics.mig import mig
from study.metrics.negative_iwae import negative_iwae
from study.metrics.total_correlation import total_correlation
from study.metrics.udr import lasso_weights, spearman, udr

SEEDS = st.integers(0, 2**32 - 1)
LIKELIHOODS = [Likelihood(), Likelihood(kind="gaussian"), Likelihood(kind="gaussian", scale=0.1)]


def grid(*sizes):
    return np.indices(sizes).reshape(len(sizes), -1).T


# ---------------------------------------------------------------------------------------- points


@given(count=st.integers(400, 40_000), seed=SEEDS)
@settings(max_examples=30)
def test_a_sample_is_split_into_disjoint_parts(count, seed):
    rows = np.arange(count)
    points = Points(rows[:, None].astype(float), np.stack([rows, rows % 2], axis=1), seed)
    train, test = points.train[1][:, 0], points.test[1][:, 0]
    assert len(np.unique(np.concatenate([train, test]))) == len(train) + len(test) == min(count, 15_000)
    assert len(train) == pytest.approx(2 * len(test), abs=2)
    assert len(np.unique(points.one[1][:, 0])) == min(count, 10_000)


def test_a_grid_is_drawn_from_independently():
    rows = np.arange(200_000)
    points = Points(rows[:, None].astype(float), rows[:, None])
    assert len(points.train[0]) == len(points.one[0]) == 10_000 and len(points.test[0]) == 5_000
    assert np.array_equal(points.train[1][:, 0], np.random.default_rng(0).integers(0, 200_000, 10_000))


@given(seed=SEEDS, factor=st.integers(0, 2))
@settings(max_examples=30)
def test_rows_that_share_a_factor(seed, factor):
    rng = np.random.default_rng(seed)
    factors = rng.integers(-3, 3, (50, 3))
    first = rng.integers(0, 50, 20)
    shared = FactorRows(factors).sharing(factor, first, rng, 7)
    assert shared.shape == (20, 7)
    assert (factors[shared, factor] == factors[first, factor][:, None]).all()


def test_rows_that_share_a_factor_are_drawn_evenly():
    factors = grid(2, 5)
    drawn = FactorRows(factors).sharing(0, np.zeros(1, np.int64), np.random.default_rng(0), 50_000)[0]
    assert np.bincount(drawn, minlength=10)[:5] / 50_000 == pytest.approx(0.2, abs=0.01)
    assert drawn.max() == 4


# ---------------------------------------------------------------------------------------- information


@given(seed=SEEDS)
@settings(max_examples=15)
def test_mutual_information_is_scikit_learns_of_numpys_histogram_bins(seed):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 6, (500, 2))
    codes = rng.normal(size=(500, 3)) + factors[:, :1]
    ours = mutual_information(codes, factors)
    for d, column in enumerate(codes.T):
        bins = np.digitize(column, np.histogram(column, 20)[1][:-1])
        assert ours[d] == pytest.approx([mutual_info_score(bins, value) for value in factors.T], abs=1e-12)
    assert (ours >= 0).all() and (ours <= entropies(factors) + 1e-12).all()


@given(arrays(np.float64, (40, 2), elements=st.floats(-1e6, 1e6, allow_subnormal=False)))
@settings(max_examples=50)
def test_bins_are_numbered_from_0_to_19(codes):
    numbers = binned(codes)
    assert numbers.min() >= 0 and numbers.max() <= 19


def test_mig_of_a_perfect_code_is_1_and_of_a_duplicated_one_is_0():
    factors = grid(4, 5, 10)
    assert mig(factors.astype(float), factors) == pytest.approx(1)
    assert mig(np.repeat(factors.astype(float), 2, axis=1), factors) == pytest.approx(0)


@given(seed=SEEDS)
@settings(max_examples=15)
def test_mig_ignores_order_scale_sign_and_shift(seed):
    rng = np.random.default_rng(seed)
    factors = grid(3, 4, 5)
    codes = np.round(factors @ rng.normal(size=(3, 4)) + rng.normal(size=(60, 4)), 3)  # 2^k scales are exact
    moved = codes[:, rng.permutation(4)] * 2.0 ** rng.integers(-3, 4, 4)
    assert mig(moved, factors) == pytest.approx(mig(codes, factors), abs=1e-12)
    assert 0 <= mig(codes, factors) <= 1


def test_mig_needs_two_latents():
    with pytest.raises(UserError, match="D >= 2 must be given, but got shape"):
        mig(np.zeros((60, 1)), grid(3, 4, 5))


# ---------------------------------------------------------------------------------------- DCI's three numbers


@given(
    arrays(np.float64, (4, 3), elements=st.floats(0, 1, allow_subnormal=False)),
    st.permutations(range(4)),
    st.permutations(range(3)),
)
@settings(max_examples=40)
def test_dci_is_in_range_and_ignores_order(importances, latents, factors):
    found = dci_of(importances, np.zeros(3))
    assert -1e-9 <= found.disentanglement <= 1 + 1e-9 and -1e-9 <= found.completeness <= 1 + 1e-9
    shuffled = dci_of(importances[latents][:, factors], np.zeros(3))
    assert shuffled == pytest.approx(found, abs=1e-6)


def test_dci_by_hand():
    # Latent 0 serves factor 0 alone; latent 1, with three quarters of all importance, serves both.
    found = dci_of(np.array([[0.5, 0.0], [0.5, 1.0]]), np.array([0.8, 0.6]))
    entropy = -(1 / 3 * math.log2(1 / 3) + 2 / 3 * math.log2(2 / 3))
    assert found.disentanglement == pytest.approx(0.25 * 1 + 0.75 * (1 - entropy), abs=1e-6)
    assert found.completeness == pytest.approx(0.5 * 0 + 0.5 * 1, abs=1e-6)
    assert found.informativeness == pytest.approx(0.7)


# ---------------------------------------------------------------------------------------- votes and classifiers


def test_factor_vae_score_of_dead_codes_is_0_and_of_noise_is_chance():
    factors = grid(4, 5, 10)
    rng = np.random.default_rng(0)
    assert factor_vae_score(0.01 * rng.normal(size=(200, 3)), factors) == 0.0
    assert factor_vae_score(factors.astype(float), factors) == 1.0
    noise = factor_vae_score(rng.normal(size=(20_000, 3)), rng.integers(0, 2, (20_000, 4)))
    assert noise == pytest.approx(1 / 4, abs=0.03)


def test_beta_vae_score_of_noise_is_chance_and_it_saturates():
    factors = grid(4, 5, 10, 10)
    rng = np.random.default_rng(0)
    assert beta_vae_score(factors.astype(float), factors) > 0.99
    assert beta_vae_score(rng.normal(size=(2000, 3)), factors) == pytest.approx(1 / 4, abs=0.03)
    rotated = factors @ np.linalg.qr(rng.normal(size=(4, 4)))[0]  # entangled on purpose
    assert beta_vae_score(rotated, factors) > 0.9


def test_explicitness_of_noise_is_a_half_and_of_constants_too():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (3000, 2))
    codes = rng.normal(size=(3000, 4))
    split = codes[:2000], factors[:2000], codes[2000:], factors[2000:]
    assert explicitness(*split) == pytest.approx(0.5, abs=0.03)
    assert explicitness(codes[:2000] * 0, factors[:2000], codes[2000:] * 0, factors[2000:]) == 0.5


def test_explicitness_leaves_out_values_that_a_part_lacks():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (3000, 1))
    codes = factors + 0.1 * rng.normal(size=(3000, 2))
    test = factors[2000:, 0] < 2
    assert explicitness(codes[:2000], factors[:2000], codes[2000:][test], factors[2000:][test]) > 0.9


# ---------------------------------------------------------------------------------------- nats


@given(seed=SEEDS, grey=st.booleans())
@settings(max_examples=15)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_reconstruction_error_is_the_training_losss(likelihood, seed, grey):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, 2, 4, 5), dtype=np.uint8) if grey else rng.choice(np.uint8([0, 255]), (3, 2, 4, 5))
    logits = torch.from_numpy(rng.normal(0, 3, images.shape)).clamp(-8, 8)  # float32 means resolve 1 − y to 6e-8
    expected = torch_nll(likelihood, logits, torch.from_numpy(images / 255))
    found = reconstruction_nll(likelihood, torch.sigmoid(logits).float().numpy(), images)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected.numpy(), rel=1e-4)


def test_a_confidently_wrong_pixel_costs_16_nats():
    wrong = reconstruction_nll(Likelihood(), np.zeros((1, 1, 1, 1), np.float32), np.full((1, 1, 1, 1), 255, np.uint8))
    assert wrong[0] == pytest.approx(-math.log(1e-7), rel=1e-6)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_baselines_are_those_of_the_mean_image_and_of_the_image_itself(likelihood):
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 3, 3), dtype=np.uint8)
    x = images / 255
    mean = np.broadcast_to(x.mean(axis=0), x.shape)
    expected = reconstruction_nll(likelihood, mean, images).mean()
    assert mean_image_nll(likelihood, x.mean(axis=0), (x**2).mean(axis=0)) == pytest.approx(expected, rel=1e-6)
    assert perfect_nll(likelihood, images) == pytest.approx(reconstruction_nll(likelihood, x, images), rel=1e-5, abs=1e-4)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_kl_is_the_training_losss(seed):
    rng = np.random.default_rng(seed)
    mu, logvar = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    expected = gaussian_kl(torch.from_numpy(mu), torch.from_numpy(logvar)).sum(1).mean()
    assert kl(mu, logvar) == pytest.approx(expected.item())
    assert kl(mu, logvar) >= 0


def test_importance_weighted_bound_of_a_linear_gaussian_model():
    """x = z + ε with σ = 0.5, so log p(x) is known; the bound with a wrong q must lie above it and fall with K."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, math.sqrt(1.25), 300)
    exact = -norm(0, math.sqrt(1.25)).logpdf(x).mean()
    z = rng.normal(x / 1.25, 0.8, (5000, 300))  # right mean, too wide: the posterior's σ is 0.447
    nll = -norm(0, 0.5).logpdf(x - z)
    ratio = -0.5 * ((z - x / 1.25) / 0.8) ** 2 - math.log(0.8) + 0.5 * z**2
    bounds = [negative_iwae(nll[:k], ratio[:k]) for k in (1, 5, 50, 5000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == pytest.approx(np.mean(nll[0] + ratio[0]))  # K = 1 is the negative ELBO
    assert bounds[-1] == pytest.approx(exact, abs=0.005)


def test_total_correlation_of_two_latents_by_the_formula():
    rng = np.random.default_rng(0)
    mu = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 200_000)
    assert total_correlation(mu, np.full(mu.shape, -30.0)) == pytest.approx(-0.5 * math.log(1 - 0.8**2), abs=0.01)
    assert total_correlation(mu, np.zeros(mu.shape)) == pytest.approx(-0.5 * math.log(1 - 0.4**2), abs=0.01)


@given(seed=SEEDS)
@settings(max_examples=20)
def test_total_correlation_is_never_negative_and_ignores_order(seed):
    rng = np.random.default_rng(seed)
    mu, logvar = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(30, 4))
    order = rng.permutation(4)
    assert total_correlation(mu, logvar) >= 0
    assert total_correlation(mu[:, order], logvar[:, order]) == pytest.approx(total_correlation(mu, logvar))


def test_active_units_by_both_rules():
    rng = np.random.default_rng(0)
    mu = rng.normal(size=(1000, 3)) * [1, 0.01, 0]
    kl_nd = np.tile([1.0, 0.001, 0.5], (1000, 1))  # the third pays KL and says nothing
    assert active_units(mu, kl_nd) == (2, 1)


# ---------------------------------------------------------------------------------------- several seeds


def latents(seed, count=1000, dim=4):
    return np.random.default_rng(seed).normal(size=(count, dim)), np.ones(dim)


def test_udr_by_brute_force():
    base, _ = latents(0)
    codes = [base @ np.random.default_rng(s).normal(size=(4, 4)) for s in range(3)]
    kls = [np.array([1, 1, 0.001, 1]), np.ones(4), np.array([0.02, 0, 1, 1])]
    expected = []
    for j in range(3):
        pairs = []
        for i in range(3):
            if i == j:
                continue
            a, b = (
                (c - c.mean(0))[:, kl_d > 0.01] / c.std(0)[kl_d > 0.01] for c, kl_d in ((codes[i], kls[i]), (codes[j], kls[j]))
            )
            weights = np.abs(np.stack([Lasso(alpha=0.1).fit(a, column).coef_ for column in b.T], axis=1))
            by_column = [max(column) ** 2 / sum(column) if sum(column) else 0 for column in weights.T]
            by_row = [max(row) ** 2 / sum(row) if sum(row) else 0 for row in weights]
            pairs.append((np.mean(by_column) + np.mean(by_row)) / 2)
        expected.append(np.median(pairs))
    assert udr(codes, kls) == pytest.approx(expected)


@pytest.mark.parametrize("relation", [lasso_weights, spearman])
def test_udr_ignores_order_sign_and_scale_and_sees_rotations(relation):
    base, kls = latents(0)
    same = [base, -3 * base[:, [2, 0, 3, 1]], base[:, ::-1] * [1, 2, 3, 4]]
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    rotated = [base, base @ rotation, base @ rotation.T]
    unrelated = [latents(seed)[0] for seed in range(3)]
    found, turned, none = (np.median(udr(codes, [kls] * 3, relation)) for codes in (same, rotated, unrelated))
    assert found > 0.85 > turned > none
    assert none < 0.1


def test_udr_of_dead_seeds_is_0():
    base, kls = latents(0)
    assert udr([base, base * 0], [kls, kls * 0]) == pytest.approx([0, 0])
    assert udr([base, base * 0], [kls, kls]) == pytest.approx([0, 0])


def test_spearman_is_scipys():
    a, b = latents(0)[0], latents(0)[0] ** 3 + latents(1)[0]
    expected = np.abs(spearmanr(a, b).statistic[:4, 4:])
    assert spearman(a, b) == pytest.approx(expected)


def test_udr_refuses_codes_that_are_not_finite_or_of_other_images():
    base, kls = latents(0)
    with pytest.raises(UserError, match="finite"):
        udr([base, base * np.nan], [kls, kls])
    with pytest.raises(UserError, match="same images"):
        udr([base, base[:-1]], [kls, kls])


# ---------------------------------------------------------------------------------------- the parts of the KL


@given(seed=SEEDS, count=st.integers(2, 150), latents=st.integers(1, 4), scale=st.floats(0, 3))
@settings(max_examples=25)
def test_the_three_parts_sum_to_the_sampled_kl(seed, count, latents, scale):
    rng = np.random.default_rng(seed)
    mu, logvar = scale * rng.normal(size=(count, latents)), rng.normal(size=(count, latents))
    z = mu + np.exp(0.5 * logvar) * rng.normal(size=mu.shape)
    sampled = norm.logpdf(z, mu, np.exp(0.5 * logvar)) - norm.logpdf(z)
    information, correlation, apart = kl_parts(mu, logvar, z)
    assert information + correlation + apart == pytest.approx(sampled.sum(axis=1).mean(), abs=1e-9)
    assert information <= math.log(count) + 1e-9
    if latents == 1:
        assert correlation == pytest.approx(0, abs=1e-12)


def test_parts_of_a_gaussian_aggregate_are_those_of_the_formula():
    """mu ~ N(0, S), σ² given: q(z) is Gaussian, all three parts have closed forms."""
    rng, count = np.random.default_rng(0), 4_000
    covariance, variance = np.array([[0.8, 0.5], [0.5, 0.7]]), 0.25
    mu = rng.multivariate_normal([0, 0], covariance, count)
    logvar = np.full(mu.shape, np.log(variance))
    z = mu + np.sqrt(variance) * rng.normal(size=mu.shape)
    whole = covariance + variance * np.eye(2)
    expected = (
        0.5 * np.linalg.slogdet(whole)[1] - math.log(variance),
        0.5 * (np.log(np.diag(whole)).sum() - np.linalg.slogdet(whole)[1]),
        0.5 * (np.diag(whole) - 1 - np.log(np.diag(whole))).sum(),
    )
    assert kl_parts(mu, logvar, z) == pytest.approx(expected, abs=0.05)


def test_infomec_of_one_latent_in_use_and_of_none():
    factors = grid(5, 4, 25)
    one = np.pad(factors[:, :1].astype(float), ((0, 0), (0, 2)))
    found = infomec(one, factors)
    assert found.m > 0.9 and found.c == 0 and 0.2 < found.e < 0.5
    assert infomec(np.zeros((500, 3)), factors) == (0, 0, 0)
