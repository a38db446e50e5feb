"""Every start point leaves the mean image soon: 5 % of the way to a perfect picture is done.

At its learning rate it takes 150 steps at most.  One cycle begins with a 25th of the rate and has a sixth of it by then: such a
point takes longer as it is trained, and must be away by an eighth of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
import pytest

from study.config import TrialConfig
from study.datasets import Dataset
from study.spaces import SPACES, load_space
from study.training.ending import NO_INFORMATION
from study.training.run import Run

LATEST = 150
EVERY = 25

POINTS = [
    pytest.param(name, point, id=f"{name}-{number}")
    for name in SPACES.names()
    for number, point in enumerate(load_space(name).space.start)
    if load_space(name).space.dataset == "dsprites"
]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "point"), POINTS)
def test_a_start_point_leaves_the_mean_image(name: str, point: Mapping[str, Any], dsprites: Dataset) -> None:
    config = _configured(name, point)
    if config.training.lr_schedule == "constant":
        assert _left(config, dsprites) <= LATEST
    else:
        constant = config.model_copy(update={"training": config.training.model_copy(update={"lr_schedule": "constant"})})
        assert _left(constant, dsprites) <= LATEST
        assert _left(config, dsprites) <= config.training.steps / 8


def _configured(name: str, point: Mapping[str, Any]) -> TrialConfig:
    space = load_space(name)
    optuna_study = optuna.create_study(directions=["minimize"] * len(space.space.metrics))
    optuna_study.enqueue_trial(dict(point))
    return space.configure(optuna_study.ask(), space.budget("laptop").steps, "dsprites")


def _left(config: TrialConfig, dsprites: Dataset) -> int:
    """The first report, of one every 25 steps, that is away from the mean image."""
    run = Run(config, dsprites, seed=0, reports=config.training.steps // EVERY)
    for report in run.advance():
        if run.scale.informed(report.recon) >= NO_INFORMATION:
            print(f"{config.architecture}, {config.training.lr_schedule}: step {report.step} of {config.training.steps}")
            return report.step
    return config.training.steps
