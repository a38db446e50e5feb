"""`dci_mlp` and `irs` against second implementations that share no code with them, and on planted codes.

The networks of the second DCI are torch's, its shuffles and entropies are written out; the second IRS goes value by value, as
disentanglement_lib's `scalable_disentanglement_score` does.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from study.metrics.dci_mlp import dci_mlp
from study.metrics.irs import irs
from tests.study.metrics.golden_codes import NAMES, grid_codes, grid_factors, protocol_rows

TRAINED, TESTED = 3_000, 1_500


@pytest.fixture(scope="module", params=NAMES)
def points(request):
    """Codes and factors to fit on and to score on."""
    codes, factors = grid_codes(request.param), grid_factors()
    train, test = (rows[:count] for rows, count in zip(protocol_rows(), (TRAINED, TESTED), strict=True))
    return codes[train], factors[train], codes[test], factors[test]


# ---------------------------------------------------------------------------------------- DCI by a network


def second_network(codes, values, seed):
    """A hidden layer of 64 ReLU, Adam at 3e-3, batches of 200, 40 passes, L2 of 1e-4 as scikit-learn has it."""
    torch.manual_seed(seed)
    x, y = torch.tensor(codes, dtype=torch.float32), torch.tensor(values)
    network = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, int(y.max()) + 1))
    for layer in (network[0], network[2]):
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(40):
        for rows in torch.randperm(len(x)).split(200):
            optimiser.zero_grad()
            penalty = 0.5 * 1e-4 * sum((layer.weight**2).sum() for layer in (network[0], network[2])) / len(rows)
            (torch.nn.functional.cross_entropy(network(x[rows]), y[rows]) + penalty).backward()
            optimiser.step()
    return network


@torch.no_grad()
def cross_entropy(network, codes, values):
    scores = network(torch.tensor(codes, dtype=torch.float32)).numpy().astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(values)), values]))


def second_dci(codes, factors, test_codes, test_factors, seed=1):
    middle, spread = codes.mean(axis=0), codes.std(axis=0)
    x, test = (codes - middle) / spread, (test_codes - middle) / spread
    rng, latents, count = np.random.default_rng(seed), x.shape[1], factors.shape[1]
    weights, right = np.zeros((latents, count)), []
    for factor in range(count):
        network = second_network(x, factors[:, factor], seed)
        truth, plain = test_factors[:, factor], cross_entropy(network, test, test_factors[:, factor])
        for latent in range(latents):
            losses = []
            for _ in range(5):
                shuffled = test.copy()
                shuffled[:, latent] = rng.permutation(shuffled[:, latent])
                losses.append(cross_entropy(network, shuffled, truth))
            weights[latent, factor] = max(0.0, np.mean(losses) - plain)
        with torch.no_grad():
            right.append(float((network(torch.tensor(test, dtype=torch.float32)).argmax(1).numpy() == truth).mean()))
    return mean_certainty(weights), mean_certainty(weights.T), float(np.mean(right))


def mean_certainty(weights):
    """Σ over rows of the row's share × (1 − entropy of the row, in units of the largest possible)."""
    total = 0.0
    for row in weights:
        if row.sum() > 0:
            parts = row[row > 0] / row.sum()
            total += row.sum() / weights.sum() * (1 + float(parts @ np.log(parts)) / math.log(len(row)))
    return total


def test_dci_mlp_is_what_other_networks_say(points):
    found, expected = dci_mlp(*points), second_dci(*points)
    assert tuple(found) == pytest.approx(expected, abs=0.03)


def sources(count=1_500, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 4, (count, 3))
    return (factors - 1.5) / np.sqrt(1.25), factors, rng


def halves(codes, factors):
    return codes[:1_000], factors[:1_000], codes[1_000:], factors[1_000:]


def test_dci_mlp_of_planted_codes():
    own, factors, rng = sources()
    noise = rng.normal(size=(len(own), 2))
    whole = dci_mlp(*halves(np.hstack([own, noise]), factors))
    assert min(whole) > 0.95
    twice = dci_mlp(*halves(np.hstack([own + 0.3 * rng.normal(size=own.shape), own + 0.3 * rng.normal(size=own.shape)]), factors))
    assert twice.disentanglement > 0.9 and twice.completeness < 0.75  # each factor in two latents, each latent of one factor
    turned = dci_mlp(*halves(own @ np.linalg.qr(rng.normal(size=(3, 3)))[0], factors))
    assert turned.informativeness > 0.95 and turned.disentanglement < 0.7  # a network reads it as well, the axes are gone
    nothing = dci_mlp(*halves(rng.normal(size=(len(own), 3)), factors))
    assert nothing.informativeness < 0.35


# ---------------------------------------------------------------------------------------- IRS


def second_irs(codes, factors):
    """Latent by latent and value by value."""
    score = weight = 0.0
    for z in codes.T:
        largest = max(abs(z - z.mean()))
        if largest == 0:
            continue
        best = 0.0
        for factor in factors.T:
            strays = [np.percentile(abs(z[factor == v] - z[factor == v].mean()), 99) for v in sorted(set(factor.tolist()))]
            best = max(best, 1 - np.mean(strays) / largest)
        score, weight = score + largest * best, weight + largest
    return score / weight if weight else 0.0


def test_irs_is_the_formula_written_out(points):
    codes, factors, *_ = points
    assert irs(codes, factors) == pytest.approx(second_irs(codes, factors), abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0, 2), dead=st.integers(0, 2))
@settings(max_examples=25)
def test_irs_of_any_codes_is_the_formula_and_knows_no_order_or_shift(seed, noise, dead):
    own, factors, _ = sources(300, seed)
    rng = np.random.default_rng(seed)
    codes = np.hstack([own @ rng.normal(size=(3, 3)) + noise * rng.normal(size=own.shape), np.full((300, dead), 7.0)])
    found = irs(codes, factors)
    assert found == pytest.approx(second_irs(codes, factors), abs=1e-9)
    assert irs(codes[:, rng.permutation(codes.shape[1])] + rng.normal(size=codes.shape[1]), factors) == pytest.approx(found)


def test_irs_of_planted_codes():
    own, factors, rng = sources()
    assert irs(own, factors) == pytest.approx(1)
    levels = [irs(own + spread * rng.normal(size=own.shape), factors) for spread in (0.05, 0.2, 0.5, 2.0)]
    assert levels == sorted(levels, reverse=True)  # the more a latent moves by itself, the less robust it is
    blocks = np.hstack([own[:, :1], own[:, 1:].sum(axis=1, keepdims=True)])
    assert 0.5 < irs(blocks, factors) < 0.9  # one latent holds one factor, the other two
    assert irs(np.zeros_like(own), factors) == 0
