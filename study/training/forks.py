"""Arms of a paired experiment share the trunk: they are one training until the step at which their schedules part.

The state of a run after s steps is a function of its seed, its configuration and the objective's weights at steps 0 … s−1.  Where
two configurations differ only in options that act through those weights (`Objective.scheduled`) and the weights agree for s
steps, the states are equal, so one is stored and the other continues from it: `trunk_digest` names that state.  What the
arms differ in afterwards is then the knob alone: γ 10 → 2 against constant γ, forked where γ begins to fall, has a paired
standard deviation of .5 nats where independent runs have 3.

A run's forks are the reports at or before which a weight begins or ceases to move: nothing needs to know the other arms.
"""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.objectives import Objective
from study.config import TrialConfig, digest_of

__all__ = ["forks"]


def forks(config: TrialConfig, objective: Objective, seed: int, boundaries: NDArray[np.int64]) -> dict[int, str]:
    """{step: digest of the state after so many steps}, for the steps at which another arm may part, in order.

    boundaries: the steps at which the run reports, from 0 on.
    """
    steps = config.training.steps
    weights = [objective.weights(step / steps) for step in range(steps)]
    moving = [{name for name in now if now[name] != then[name]} for now, then in pairwise(weights)]
    turns = [step for step, (before, after) in enumerate(pairwise(moving), start=1) if before != after]
    at = sorted({int(boundaries[boundaries <= step].max()) for step in turns} - {0})
    return {step: _trunk_digest(config, objective, seed, weights[:step], boundaries) for step in at}


def _trunk_digest(
    config: TrialConfig, objective: Objective, seed: int, weights: list[dict[str, float]], boundaries: NDArray[np.int64]
) -> str:
    """Sha256 of everything that the state after `len(weights)` steps depends on, and the reports until there."""
    rest = config.model_dump(mode="json")
    rest["objective_options"] = {k: v for k, v in rest["objective_options"].items() if k not in objective.scheduled}
    trajectory = sha256(json.dumps(weights, sort_keys=True).encode()).hexdigest()
    reports = boundaries[boundaries <= len(weights)].tolist()
    return digest_of({"config": rest, "seed": seed, "weights": trajectory, "reports": reports})
