"""Every start point leaves the mean image soon: by step 150 of the laptop budget 5 % of the way to a perfect picture is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
import pytest

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
    space = load_space(name)
    optuna_study = optuna.create_study(directions=["minimize"] * len(space.space.metrics))
    optuna_study.enqueue_trial(dict(point))
    steps = space.budget("laptop").steps
    run = Run(space.configure(optuna_study.ask(), steps, "dsprites"), dsprites, seed=0, reports=steps // EVERY)
    informed = {}
    for report in run.advance():
        informed[report.step] = run.scale.informed(report.recon)
        if informed[report.step] >= NO_INFORMATION or report.step >= LATEST:
            break
    print(f"{name}, {dict(point)}: left at step {max(informed)}, {100 * max(informed.values()):.0f} % of the way")
    assert max(informed.values()) >= NO_INFORMATION, informed
