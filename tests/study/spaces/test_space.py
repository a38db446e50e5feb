"""Every space: what it declares, its start points, and that whatever it suggests is a valid configuration."""

from __future__ import annotations

import optuna
import pytest

from models.errors import UserError
from study.metrics import direction
from study.recipes import Recipe, load_recipe, recipe_names
from study.spaces import AROUND, SPACES, LoadedSpace, load_space

STEPS = 100


@pytest.fixture(params=[*SPACES.names(), *(f"{AROUND}{name}" for name in recipe_names())])
def space(request: pytest.FixtureRequest) -> LoadedSpace:
    return load_space(request.param)  # checks the start points


def test_declares_what_a_study_needs(space: LoadedSpace) -> None:
    assert space.space.purpose
    assert "\n" not in space.space.purpose
    assert set(space.space.budgets) == {"smoke", "laptop", "full"}
    assert space.space.budgets["smoke"].trials <= 3
    assert all(direction(metric) in ("minimize", "maximize") for metric in (*space.space.metrics, *space.space.also))


def test_every_suggestion_is_a_valid_configuration(space: LoadedSpace) -> None:
    optuna_study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    digests = {space.configure(optuna_study.ask(), STEPS).digest() for _ in range(60)}
    assert len(digests) > 40  # the knobs matter


def test_every_knob_is_suggested_so_that_points_count(space: LoadedSpace) -> None:
    for point in space.space.start:
        optuna_study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        optuna_study.enqueue_trial(dict(point))
        trial = optuna_study.ask()
        space.configure(trial, STEPS)
        assert {name: trial.params[name] for name in point} == dict(point)


def test_grids_are_valid(space: LoadedSpace) -> None:
    if not space.space.grid:
        with pytest.raises(UserError, match=r"sampler list needs a grid"):
            space.grid_points()
        return
    for point in space.grid_points():
        space.check_point(point, STEPS)


def test_a_point_out_of_range_says_rule_and_value() -> None:
    space = load_space("dsprites_capacity")
    with pytest.raises(UserError, match=r"<= capacity/gamma_max <= .* must hold, but got capacity/gamma_max=10000"):
        space.check_point({"objective": "capacity", "capacity/gamma_max": 10_000}, STEPS)
    with pytest.raises(UserError, match=r"architecture must be one of .*, but got 'vgg'"):
        space.check_point({"architecture": "vgg"}, STEPS)
    with pytest.raises(UserError, match=r"no such knob here: capacity/gamma_max"):
        space.check_point({"objective": "beta_vae", "capacity/gamma_max": 10.0}, STEPS)


def test_an_unknown_space_or_budget_lists_the_choices() -> None:
    with pytest.raises(UserError, match=r"unknown space 'nothing': choose one of .*dsprites_capacity"):
        load_space("nothing")
    with pytest.raises(UserError, match=r"unknown budget 'huge': space dsprites_capacity has smoke, laptop, full"):
        load_space("dsprites_capacity").budget("huge")


@pytest.mark.parametrize("name", recipe_names())
def test_a_search_around_a_recipe_begins_with_its_published_configuration(name: str) -> None:
    space, recipe = load_space(f"{AROUND}{name}"), load_recipe(name)
    optuna_study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    optuna_study.enqueue_trial(dict(space.space.start[0]))
    found, wanted = space.configure(optuna_study.ask(), STEPS), recipe.config(STEPS)
    assert found.objective_options == pytest.approx(wanted.objective_options)
    assert found.training == wanted.training
    assert found.model_copy(update={"objective_options": wanted.objective_options}) == wanted


def test_a_space_around_no_recipe_lists_the_recipes() -> None:
    with pytest.raises(UserError, match=r"unknown recipe 'nothing': choose one of .*mnist_vae"):
        load_space("around_nothing")


def test_a_recipe_of_any_objective_and_data_set_has_a_space_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"dataset": "digits", "objective": "beta_tcvae", "architecture": "mlp", "training": {"learning_rate": 1e-3}}
    recipe = Recipe(
        purpose="made", source="made", settings=settings, epochs=2, fast_steps=10, image_shape=(1, 8, 8), figures=("losses",)
    )
    monkeypatch.setattr("study.spaces._around.load_recipe", lambda name: recipe)
    space = load_space("around_made")
    assert set(space.space.start[0]) == {"learning_rate", "latent_dim"}
    optuna_study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert space.configure(optuna_study.ask(), STEPS).objective == "beta_tcvae"
