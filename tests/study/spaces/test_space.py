"""Every space: what it declares, its start points, and that whatever it suggests is a valid configuration."""

from __future__ import annotations

import optuna
import pytest

from models.config import OBJECTIVES
from models.errors import UserError
from study.config import TrialConfig
from study.metrics import direction
from study.recipes import Recipe, load_recipe, recipe_names
from study.spaces import AROUND, SPACES, LoadedSpace, load_space
from study.spaces._recorder import Recorder

STEPS = 100


@pytest.fixture(params=[*SPACES.names(), *(f"{AROUND}{name}" for name in recipe_names())])
def space(request: pytest.FixtureRequest) -> LoadedSpace:
    return load_space(request.param)  # checks the start points


def test_declares_what_a_study_needs(space: LoadedSpace) -> None:
    assert space.space.purpose
    assert "\n" not in space.space.purpose
    assert {"smoke", "laptop", "full"} <= set(space.space.budgets) <= {"smoke", "laptop", "overnight", "full"}
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
    with pytest.raises(UserError, match=r"unknown budget 'huge': space dsprites_capacity has smoke, laptop, overnight, full"):
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


def arms_of(space: LoadedSpace, knob: str, values: list, **point: object) -> list:
    return [space.configure(Recorder({**point, knob: value}), STEPS) for value in values]


def test_arms_of_a_pair_share_their_seeds_and_nothing_else_does() -> None:
    space = load_space("dsprites_gamma_arms")
    arms = ["gamma", "gamma_decay", "gamma_low", "beta_decay"]
    pairs = {(c, r): arms_of(space, "arm", arms, capacity_max=c) for c in (15.0, 25.0) for r in (0, 1)}
    for (_, replicate), configs in pairs.items():
        assert len({config.digest() for config in configs}) == 4
        assert len({config.seed(0, replicate) for config in configs}) == 1
    assert len({configs[0].seed(0, replicate) for (_, replicate), configs in pairs.items()}) == 4


def test_any_knob_can_be_paired_and_what_hangs_on_it_belongs_to_the_arm() -> None:
    plain = load_space("dsprites_capacity")
    space = plain.paired_by("capacity/decay")
    common = {"objective": "capacity", "learning_rate": 1e-3}
    constant = space.configure(Recorder({**common, "capacity/decay": "none"}), STEPS)
    linear = space.configure(Recorder({**common, "capacity/decay": "after", "capacity/gamma_ratio": 0.2}), STEPS)
    curved = {"capacity/decay": "after", "capacity/gamma_ratio": 0.2, "capacity/gamma_shape": "cosine"}
    cosine = space.configure(Recorder({**common, **curved}), STEPS)
    assert constant.seed(0, 0) == linear.seed(0, 0) == cosine.seed(0, 0)
    assert constant.seed(0, 0) != space.configure(Recorder({**common, "learning_rate": 1.5e-3}), STEPS).seed(0, 0)
    assert space.configure(Recorder({"objective": "beta_vae"}), STEPS).pair is None  # it has no such knob
    assert plain.configure(Recorder(common), STEPS).pair is None
    assert TrialConfig.parse(constant.model_dump(mode="json")) == constant


def test_a_knob_that_is_not_there_cannot_be_paired() -> None:
    with pytest.raises(UserError, match=r"space dsprites_capacity has no knob 'colour' to pair by; it has architecture"):
        load_space("dsprites_capacity").paired_by("colour")


def test_the_objectives_space_has_every_objective() -> None:
    space = load_space("dsprites_objectives")
    assert {space.configure(Recorder(point), STEPS).objective for point in space.grid_points()} == set(OBJECTIVES.names())
    assert space.space.budgets["laptop"].trials == len(space.grid_points())
