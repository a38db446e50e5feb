"""What every objective promises, for every file in `models/objectives/`, and what the single ones say."""

from __future__ import annotations

import doctest
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.config import OBJECTIVES
from models.errors import UserError
from models.objectives import Objective, build_objective
from models.objectives.beta_tcvae import log_importance_weights, total_correlation
from models.objectives.factor_vae import shuffle_latents
from models.objectives.info_vae import mmd
from models.vae import VAE, Terms
from tests.models.helpers import SMALL_OBJECTIVE, fill_weights, noise, small_config, terms_of, weights_at

NAMES = OBJECTIVES.names()
PROGRESS = (0.0, 0.1, 0.5, 0.75, 0.99, 1.0)

every_objective = pytest.mark.parametrize("name", NAMES)


def small(name: str, **options: object) -> Objective:
    return build_objective(name, {**SMALL_OBJECTIVE.get(name, {}), **options}, latent_dim=5, dataset_size=1000)


def model() -> VAE:
    torch.manual_seed(0)
    return VAE(small_config("mlp", (1, 8, 8)))


@every_objective
def test_weights_are_a_pure_function_with_constant_keys(name: str) -> None:
    objective = small(name)
    first = [objective.weights(progress) for progress in PROGRESS]
    backwards = [objective.weights(progress) for progress in reversed(PROGRESS)][::-1]
    assert first == backwards == [small(name).weights(progress) for progress in PROGRESS]
    assert all(weights.keys() == first[0].keys() for weights in first)
    assert all(type(value) is float and math.isfinite(value) for weights in first for value in weights.values())


@every_objective
@pytest.mark.parametrize("progress", PROGRESS)
def test_the_loss_is_a_finite_scalar(name: str, progress: float) -> None:
    objective = small(name)
    loss = objective(terms_of(model()), weights_at(objective, progress))
    assert loss.shape == ()
    assert torch.isfinite(loss)


@every_objective
def test_the_loss_trains_the_model_and_nothing_else(name: str) -> None:
    vae, objective = model(), small(name)
    objective(terms_of(vae), weights_at(objective, 1.0)).backward()
    assert [key for key, p in vae.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert [key for key, p in objective.named_parameters() if p.grad is not None] == []


@every_objective
def test_the_adversary_trains_exactly_the_objectives_parameters(name: str) -> None:
    vae, objective = model(), small(name)
    terms = Terms(*(term.detach() for term in terms_of(vae)))
    loss = objective.adversary_loss(terms)
    if not list(objective.parameters()):
        assert loss is None
        return
    assert loss is not None and loss.shape == () and torch.isfinite(loss)
    loss.backward()
    assert [key for key, p in objective.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert [key for key, p in vae.named_parameters() if p.grad is not None] == []


@every_objective
def test_the_loss_depends_on_its_weights_only_through_the_argument(name: str) -> None:
    """Two objects, the same terms and weights: the same loss, so nothing is counted inside."""
    torch.manual_seed(0)
    terms, objective = terms_of(model()), small(name)
    losses = [objective(terms, weights_at(objective, progress)).item() for progress in (0.3, 1.0, 0.3)]
    assert losses[0] == losses[2]


@every_objective
def test_the_order_of_the_batch_matters_only_by_rounding(name: str) -> None:
    terms, objective = terms_of(model()), small(name)
    reordered = Terms(*(term.flip(0) for term in terms))
    weights = weights_at(objective, 1.0)
    torch.testing.assert_close(objective(terms, weights), objective(reordered, weights))


@every_objective
def test_extreme_batches_stay_finite(name: str) -> None:
    """One image only, and posteriors equal to the prior."""
    objective = small(name)
    alone = terms_of(model(), 1)
    zeros = torch.zeros(8, 5)
    prior = Terms(torch.full((8,), 40.0), zeros, zeros, zeros, noise(8, 5))
    for terms in (alone, prior):
        assert torch.isfinite(objective(terms, weights_at(objective, 0.5)))


@every_objective
def test_bad_options_are_one_line(name: str) -> None:
    with pytest.raises(UserError, match=f"objective {name}: no_such_option: Extra inputs") as caught:
        build_objective(name, {"no_such_option": 1}, 5, 1000)
    assert "\n" not in str(caught.value)
    first = next(iter(OBJECTIVES.load(name).Config.model_fields))
    with pytest.raises(UserError, match=f"objective {name}: {first}: .*got 'nonsense'"):
        build_objective(name, {first: "nonsense"}, 5, 1000)


@every_objective
def test_the_configuration_survives_json(name: str) -> None:
    config = small(name).config
    assert type(config)(**json.loads(config.model_dump_json())) == config


@every_objective
def test_it_says_its_formula_and_shows_an_example(name: str) -> None:
    module = OBJECTIVES.load(name)
    assert "recon" in (module.Objective.forward.__doc__ or "")
    assert doctest.DocTestFinder(recurse=False).find(module.Objective)[0].examples


@every_objective
def test_memory_is_state_that_only_observing_moves(name: str) -> None:
    """What an objective remembers is in its state, so a checkpoint continues it; a loss or a schedule leaves it alone."""
    objective = small(name)
    fill_weights(objective)
    weights = weights_at(objective, 0.5)
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    objective(terms_of(model()), weights)
    assert all(torch.equal(before[key], value) for key, value in objective.state_dict().items())
    for seed in range(3):
        objective.observe(terms_of(model(), seed=seed), weights)
    again = small(name)
    again.load_state_dict(objective.state_dict())
    assert again.remembered() == objective.remembered()
    assert torch.equal(again(terms_of(model()), weights), objective(terms_of(model()), weights))
    assert all(type(value) is float and math.isfinite(value) for value in objective.remembered().values())
    assert objective.remembered().keys() == small(name).remembered().keys()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("beta_vae", {"beta": 1.0}),
        ("beta_tcvae", {"beta": 1.0}),
        ("beta_tcvae", {"beta": 1.0, "sampling": "stratified"}),
        ("factor_vae", {"gamma": 0.0}),
        ("dip_vae", {"lambda_od": 0.0}),
        ("capacity", {"capacity_max": 0.0, "gamma_max": 1.0}),
        ("control_vae", {"beta_min": 1.0}),
        ("free_bits", {"free_nats": 0.0}),
        ("info_vae", {"alpha": 0.0, "lambda_mmd": 1.0}),
    ],
)
def test_each_contains_the_plain_vae(name: str, options: dict[str, object]) -> None:
    terms, objective = terms_of(model()), small(name, **options)
    negative_elbo = terms.nll_B.mean() + terms.kl_BD.sum(1).mean()
    torch.testing.assert_close(objective(terms, weights_at(objective, 0.7)), negative_elbo)


def test_beta_schedules() -> None:
    def betas(**options: object) -> list[float]:
        return [small("beta_vae", **options).weights(progress)["beta"] for progress in (0.0, 0.25, 0.5, 1.0)]

    assert betas(beta=4.0) == [4, 4, 4, 4]
    assert betas(beta=4.0, schedule="warmup", window=0.5) == [0, 2, 4, 4]
    assert betas(beta=4.0, schedule="cyclic", cycles=2) == [0, 4, 0, 4]
    assert betas(beta=1.0, schedule="decay", beta_start=16.0, shape="exponential") == [16, 8, 4, 1]


def test_capacity_and_gamma_schedules() -> None:
    """γ 100 → 20 after C has reached 25 at three quarters of the run, and during its rise."""
    options = {"capacity_max": 25.0, "gamma_max": 100.0, "gamma_min": 20.0, "anneal_fraction": 0.75}

    def at(progress: float, window: str) -> tuple[float, float]:
        weights = small("capacity", **options, gamma_window=window).weights(progress)
        return weights["capacity"], weights["gamma"]

    assert [at(p, "after") for p in (0.0, 0.375, 0.75, 0.875, 1.0)] == [(0, 100), (12.5, 100), (25, 100), (25, 60), (25, 20)]
    assert [at(p, "during") for p in (0.0, 0.375, 0.75, 1.0)] == [(0, 100), (12.5, 60), (25, 20), (25, 20)]


@pytest.mark.parametrize("gamma_min", [None, 30.0])
def test_equal_ends_are_constant_gamma(gamma_min: float | None) -> None:
    objective = small("capacity", gamma_max=30.0, gamma_min=gamma_min, anneal_fraction=1.0)
    assert {objective.weights(progress)["gamma"] for progress in PROGRESS} == {30.0}


@given(
    kl=st.lists(st.floats(0, 100), min_size=1, max_size=20),
    capacity=st.floats(0, 60),
    gamma=st.floats(0.1, 1000),
)
def test_the_sample_penalty_bounds_the_batch_penalty(kl: list[float], capacity: float, gamma: float) -> None:
    """|mean KL − C| <= mean|KL − C|, with equality when every image lies on the same side of C."""
    kl_BD = torch.tensor(kl, dtype=torch.float64)[:, None]
    zeros = torch.zeros_like(kl_BD)
    terms = Terms(zeros[:, 0], kl_BD, zeros, zeros, zeros)
    weights = {"gamma": torch.tensor(gamma), "capacity": torch.tensor(capacity, dtype=torch.float64)}
    batch = small("capacity", penalty="batch")(terms, weights).item()
    sample = small("capacity", penalty="sample")(terms, weights).item()
    assert batch <= sample * (1 + 1e-9) + 1e-9
    if min(kl) >= capacity or max(kl) <= capacity:
        assert batch == pytest.approx(sample, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("capacity", {"gamma_min": 200.0}, "gamma_min <= gamma_max must hold, but got gamma_min=200.0, gamma_max=100.0"),
        ("capacity", {"gamma_min": 20.0, "anneal_fraction": 1.0}, "needs anneal_fraction < 1"),
        ("capacity", {"gamma_max": 0.0}, "gamma_max: Input should be greater than 0 .*got 0.0"),
        ("beta_vae", {"schedule": "decay"}, "decay needs beta_start > beta, but got beta_start=0.0, beta=1.0"),
        ("beta_vae", {"schedule": "warmup", "beta_start": 2.0}, "warmup needs beta_start <= beta"),
        ("beta_vae", {"schedule": "warmup", "shape": "exponential"}, "needs both ends > 0"),
        ("beta_vae", {"beta": float("nan")}, "beta: Input should be"),
        ("dip_vae", {"variant": "III"}, "variant: Input should be 'I' or 'II'"),
        ("factor_vae", {"layers": 0}, "layers: Input should be greater than or equal to 1"),
        ("beta_vae", {"hold": 0.5}, "hold is for warmup and decay, but got hold=0.5 with schedule=constant"),
        ("beta_vae", {"hold": 0.5, "schedule": "warmup"}, "hold . window <= 1 must hold, but got hold=0.5, window=1.0"),
        ("control_vae", {"beta_min": 100.0}, "beta_min < beta_max must hold, but got beta_min=100.0, beta_max=100.0"),
        ("info_vae", {"alpha": 2.0}, "alpha: Input should be less than or equal to 1 .*got 2.0"),
        ("free_bits", {"free_nats": -1.0}, "free_nats: Input should be greater than or equal to 0"),
    ],
)
def test_rules_are_stated(name: str, options: dict[str, object], rule: str) -> None:
    with pytest.raises(UserError, match=rule):
        build_objective(name, options, 5, 1000)


def test_an_unknown_objective_lists_the_choices() -> None:
    with pytest.raises(UserError, match="unknown objective 'gan': choose one of beta_tcvae, beta_vae, capacity"):
        build_objective("gan", {}, 5, 1000)


# β-TCVAE ------------------------------------------------------------------------------------------------------------


def codes(count: int = 6, latents: int = 3) -> Terms:
    """Posteriors and one sample of each; only mu, logvar and z matter here."""
    mu, logvar = noise(count, latents, 3).double(), 0.5 * noise(count, latents, 4).double() - 1
    z = mu + torch.exp(0.5 * logvar) * noise(count, latents, 5).double()
    return Terms(torch.zeros(count), torch.zeros(count, latents), mu, logvar, z)


def exact_total_correlation(terms: Terms, factor: float) -> float:
    """By torch.distributions, for a data set that is the batch.  `factor` scales the density estimates."""
    normals = torch.distributions.Normal(terms.mu_BD, torch.exp(0.5 * terms.logvar_BD))
    densities_BBD = normals.log_prob(terms.z_BD[:, None]).exp()
    joint = factor * densities_BBD.prod(2).mean(1)
    marginals = factor * densities_BBD.mean(1)
    return (joint.log() - marginals.log().sum(1)).mean().item()


def test_weighted_sampling_of_the_whole_data_set_is_the_mixture_over_n() -> None:
    """The known bias of 1/(N·B): with B = N every density is N times too small."""
    terms = codes()
    expected = exact_total_correlation(terms, 1 / len(terms.z_BD))
    assert total_correlation(terms, len(terms.z_BD), "weighted").item() == pytest.approx(expected, rel=1e-6)


def test_stratified_weights_average_to_the_uniform_ones() -> None:
    """Unbiased: over random batches every image gets the weight 1/N on average, the code's own image included."""
    size, batch = 12, 4
    weights = log_importance_weights(batch, size, "stratified").exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(batch))
    torch.testing.assert_close(weights.diagonal(), torch.full((batch,), 1 / size))
    # Another image is in the batch with probability (B−1)/(N−1), in any of the B−1 places alike.
    others = (weights.sum(1) - weights.diagonal()) / (batch - 1)
    torch.testing.assert_close(others * (batch - 1) / (size - 1), torch.full((batch,), 1 / size))


@pytest.mark.parametrize("batch", [1, 11])
def test_stratified_sampling_states_its_rule(batch: int) -> None:
    with pytest.raises(UserError, match=f"needs 2 <= batch size <= images .*a batch of {batch} of 10 images"):
        log_importance_weights(batch, 10, "stratified")


@pytest.mark.parametrize("sampling", ["weighted", "stratified"])
def test_one_latent_has_no_total_correlation(sampling: str) -> None:
    assert total_correlation(codes(6, 1), 50, sampling).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("sampling", ["weighted", "stratified"])
def test_copied_latents_have_more_total_correlation_than_independent_ones(sampling: str) -> None:
    free = codes(64, 2)
    copied = Terms(*(torch.stack([t[:, 0], t[:, 0]], 1) if t.ndim == 2 else t for t in free))
    tc_free, tc_copied = (total_correlation(t, 64, sampling).item() for t in (free, copied))
    assert tc_copied > tc_free + 0.3


# FactorVAE ----------------------------------------------------------------------------------------------------------


@given(batch=st.integers(1, 20), latents=st.integers(1, 12))
def test_shuffling_keeps_each_latents_values_and_parts_the_images(batch: int, latents: int) -> None:
    z = torch.arange(batch)[:, None].repeat(1, latents)  # the value is the image's number
    shuffled = shuffle_latents(z)
    assert torch.equal(shuffled.sort(0).values, z)
    if latents <= batch:
        assert all(len(set(row.tolist())) == latents for row in shuffled)


def test_the_discriminator_learns_the_total_correlation() -> None:
    """Two latents with correlation ρ: TC = −½ log(1 − ρ²) nats, by the density-ratio trick with the paper's optimiser."""
    torch.manual_seed(0)
    rho = 0.8
    objective = build_objective("factor_vae", {"gamma": 1.0, "hidden": 64, "layers": 3}, 2, 10_000)
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-3, betas=(0.5, 0.9))

    def batch(count: int) -> Terms:
        first, second = torch.randn(2, count)
        z = torch.stack([first, rho * first + math.sqrt(1 - rho**2) * second], 1)
        return Terms(torch.zeros(count), torch.zeros(count, 2), z, z, z)

    for _ in range(600):
        loss = objective.adversary_loss(batch(512))
        assert loss is not None
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        estimate = objective(batch(20_000), weights_at(objective, 1.0)).item()
    assert estimate == pytest.approx(-0.5 * math.log(1 - rho**2), rel=0.15)


def test_factor_vae_pushes_the_encoder_through_the_fixed_discriminator() -> None:
    vae, objective = model(), small("factor_vae", gamma=50.0)
    fill_weights(objective)
    gradients = []
    for gamma in (0.0, 50.0):
        vae.zero_grad()
        objective(terms_of(vae), {"gamma": torch.tensor(gamma)}).backward()
        gradients.append(next(vae.encoder.parameters()).grad.clone())
    assert (gradients[0] - gradients[1]).abs().max() > 1e-4


# DIP-VAE ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "lambda_d"), [("I", 100.0), ("II", 10.0)])
def test_dip_penalty_against_torch_cov(variant: str, lambda_d: float) -> None:
    terms, objective = codes(16, 3), small("dip_vae", variant=variant, lambda_od=10.0)
    covariance = torch.cov(terms.mu_BD.T, correction=0)
    if variant == "II":
        covariance = covariance + torch.diag(terms.logvar_BD.exp().mean(0))
    off = covariance - torch.diag(covariance.diagonal())
    expected = 10 * off.square().sum() + lambda_d * (covariance.diagonal() - 1).square().sum()
    assert objective.weights(0.5) == {"lambda_od": 10.0, "lambda_d": lambda_d}
    assert objective(terms, weights_at(objective, 0.5)).item() == pytest.approx(expected.item(), rel=1e-6)


# ControlVAE ---------------------------------------------------------------------------------------------------------


def test_the_controller_holds_the_kl_at_its_target() -> None:
    """A latent whose KL answers to β as that of a linear VAE does: KL = ½ log(1 + s/β)·10.  It settles at C = 8 nats."""
    objective = small("control_vae", capacity_max=8.0, anneal_fraction=0.1, kp=0.01, ki=0.01)
    weights = weights_at(objective, 1.0)
    zeros = torch.zeros(1, 1)
    found = []
    for _ in range(3000):
        kl = 5 * math.log(1 + 20 / max(objective.remembered()["beta"], 1e-3))
        objective.observe(Terms(torch.zeros(1), torch.full((1, 1), kl), zeros, zeros, zeros), weights)
        found.append(kl)
    assert found[-1] == pytest.approx(8.0, abs=0.05)
    assert objective.remembered()["beta"] == pytest.approx(20 / (math.exp(8 / 5) - 1), rel=0.02)


def test_the_controller_does_not_wind_up() -> None:
    """A KL that cannot reach its target for a thousand steps leaves no debt: β rises at once when there is too much."""
    objective = small("control_vae", capacity_max=10.0, ki=0.01)
    weights, zeros = weights_at(objective, 1.0), torch.zeros(1, 1)

    def observe(kl: float) -> float:
        objective.observe(Terms(torch.zeros(1), torch.full((1, 1), kl), zeros, zeros, zeros), weights)
        return objective.remembered()["beta"]

    for _ in range(1000):
        low = observe(1.0)
    assert low < 0.01
    assert [observe(30.0) for _ in range(5)][-1] > 0.5
    for _ in range(1000):
        high = observe(1e6)
    assert high == 100.0
    assert observe(0.0) < 100.0


# InfoVAE ------------------------------------------------------------------------------------------------------------


@given(latents=st.integers(1, 8), seed=st.integers(0, 100))
@settings(max_examples=20)
def test_the_known_expectations_are_those_of_samples(latents: int, seed: int) -> None:
    z = 0.5 * noise(16, latents, seed) + 1
    prior = noise(4000, latents, seed + 1000)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.exp(-torch.cdist(a, b).square() / (2 * latents)).mean()

    sampled = kernel(z, z) - 2 * kernel(z, prior) + kernel(prior[:2000], prior[2000:])
    assert mmd(z).item() == pytest.approx(sampled.item(), abs=0.03)


def test_codes_of_the_prior_have_the_least_discrepancy() -> None:
    prior, shifted, narrow = noise(1000, 4), noise(1000, 4) + 1, 0.3 * noise(1000, 4)
    assert 0 <= mmd(prior) < 0.005 < min(mmd(shifted), mmd(narrow))


# Free bits ----------------------------------------------------------------------------------------------------------


def test_a_latent_below_its_free_nats_has_no_kl_gradient() -> None:
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]], requires_grad=True)
    zeros = torch.zeros(2, 2)
    small("free_bits", free_nats=0.5)(Terms(torch.zeros(2), kl, zeros, zeros, zeros), {"free_nats": torch.tensor(0.5)}).backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]
