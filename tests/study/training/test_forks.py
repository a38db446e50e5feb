"""Arms of a paired experiment: one seed, one trunk, and the same numbers as runs that share nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.config import OBJECTIVES
from models.objectives import build_objective
from models.vae import VAE
from study.training.run import Run
from tests.models.helpers import SMALL_OBJECTIVE, small_config, terms_of, weights_at
from tests.study.training.test_train import blobs, config, finish, weights

CONSTANT = {"gamma_max": 10.0, "capacity_max": 5.0, "anneal_fraction": 0.5}
DECAY = {**CONSTANT, "gamma_min": 1.0}


def run(options: dict, seed: int = 3, objective: str = "capacity", **training: object) -> Run:
    return Run(config(40, objective, options, **training), blobs(), seed=seed, reports=8)


def trunks(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.ckpt")}


@pytest.mark.parametrize("objective", ["capacity", "beta_vae"])
def test_an_arm_that_begins_at_the_fork_gives_the_numbers_of_a_whole_run(objective: str, tmp_path: Path) -> None:
    hold = {"schedule": "decay", "beta_start": 4.0, "hold": 0.5, "window": 0.5}
    one, other = {"capacity": (CONSTANT, DECAY), "beta_vae": ({**hold, "beta": 2.0}, {**hold, "beta": 1.0})}[objective]
    first = run(one, objective=objective)
    first.share(tmp_path)
    assert first.step == 0
    finish(first)
    second = run(other, objective=objective)
    second.share(tmp_path)
    assert second.step == 20
    finish(second)
    whole = finish(run(other, objective=objective))
    assert [each.loss for each in second.history] == [each.loss for each in whole.history]
    assert [each.weights for each in second.history] == [each.weights for each in whole.history]
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(second)[name]), name
    assert second.history[-1].loss != first.history[-1].loss


@pytest.mark.parametrize(
    "other",
    [
        run(CONSTANT, seed=4),
        run({**CONSTANT, "penalty": "sample"}),
        run({**CONSTANT, "gamma_max": 9.0}),
        run({**CONSTANT, "capacity_max": 6.0}),
        run(CONSTANT, learning_rate=2e-3),
        run(CONSTANT, initialisation="he"),
    ],
    ids=["seed", "penalty", "gamma", "capacity", "rate", "initialisation"],
)
def test_what_differs_from_the_beginning_shares_nothing(other: Run, tmp_path: Path) -> None:
    first = run(DECAY)
    first.share(tmp_path)
    finish(first)
    assert len(trunks(tmp_path)) == 1
    other.share(tmp_path)
    assert other.step == 0


def test_a_damaged_trunk_is_trained_again(tmp_path: Path) -> None:
    first = run(CONSTANT)
    first.share(tmp_path)
    finish(first)
    (path,) = tmp_path.glob("*.ckpt")
    path.write_bytes(path.read_bytes()[:100])
    second = run(DECAY)
    second.share(tmp_path)
    assert second.step == 0
    finish(second)
    assert len(path.read_bytes()) > 100


def test_an_interrupted_run_does_not_go_back_to_its_trunk(tmp_path: Path) -> None:
    first = run(DECAY)
    first.share(tmp_path / "trunks")
    for report in first.advance():
        if report.step == 30:
            first.save(tmp_path / "own.ckpt")
            break
    second = run(DECAY)
    assert second.resume(tmp_path / "own.ckpt")
    second.share(tmp_path / "trunks")
    assert second.step == 30


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_scheduled_options_act_through_the_weights_only(name: str) -> None:
    """What a trunk is shared by: other values of these options, the same weights, the same loss."""
    torch.manual_seed(0)
    terms = terms_of(VAE(small_config("mlp", (1, 8, 8))))
    plain = build_objective(name, SMALL_OBJECTIVE.get(name, {}), 5, 1000)
    fields = type(plain.config).model_fields
    assert plain.scheduled <= set(fields)
    for option in plain.scheduled:
        if fields[option].annotation not in (float, float | None):
            continue
        other = plain.config.model_copy(update={option: 0.37})
        torch.manual_seed(1)
        changed = build_objective(name, SMALL_OBJECTIVE.get(name, {}), 5, 1000)
        changed.load_state_dict(plain.state_dict())
        changed.config = other
        at = weights_at(plain, 0.5)
        assert torch.equal(plain(terms, at), changed(terms, at)), option
