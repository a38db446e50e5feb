"""What a space file holds: which data set, which knobs, which metrics to search, where to start, and how much to spend.

A file in `study/spaces/` defines

    SPACE             a `Space`: everything but the knobs
    suggest(trial)    the knobs, define-by-run (Akiba et al. 2019): asks an Optuna trial for values and returns the fields of a
                      `TrialConfig` without data set and steps.  Conditional knobs are plain `if`s.

Knobs are flat names, `group/knob` where they belong to a plug-in (`capacity/gamma_max`), so that tables have one column a knob.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.config import Config
from models.errors import UserError, unknown
from study.config import TrialConfig

__all__ = ["Budget", "LoadedSpace", "Space"]


class Budget(Config):
    """How much one study spends.

    steps           of each training; schedules scale with it
    points          images behind the metrics at a trial's end (MIG's protocol: 10,000)
    purpose         one line that tells a person what this budget is for
    """

    trials: int
    steps: int
    points: int
    purpose: str


@dataclass(frozen=True)
class Space:
    """metrics are the searched ones, in order; `also` are evaluated and recorded beside them.

    start   warm-start points as {knob: value}; a knob left out is sampled
    grid    {knob: values} for the `list` sampler: the product is enqueued
    """

    purpose: str
    dataset: str
    metrics: tuple[str, ...]
    budgets: Mapping[str, Budget]
    also: tuple[str, ...] = ()
    start: Sequence[Mapping[str, Any]] = ()
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedSpace:
    """A space file, loaded: its declaration and its knobs."""

    name: str
    space: Space
    suggest: Any
    """Callable[[optuna.Trial], dict[str, Any]]."""

    def budget(self, name: str) -> Budget:
        """Raises `UserError` for a name that this space has no budget for."""
        if name not in self.space.budgets:
            raise unknown("budget", name, self.space.budgets, f"space {self.name} has")
        return self.space.budgets[name]

    def configure(self, trial: Any, steps: int, dataset: str | None = None) -> TrialConfig:
        """Ask `trial` for every knob and build the configuration it describes.  Training starts from He weights, unless told.

        Raises `UserError` when the values break a rule of a plug-in's own `Config`.
        """
        values = dict(self.suggest(trial))
        training = {"initialisation": "he", **values.pop("training", {}), "steps": steps}
        options = dict(self.space.dataset_options)
        name = dataset or self.space.dataset
        return TrialConfig.parse({"dataset": name, "dataset_options": options, **values, "training": training})

    def check_point(self, point: Mapping[str, Any], steps: int) -> None:
        """A point must lie inside its knobs' ranges, name only knobs it has, and give a valid configuration.

        Raises `UserError`.  Optuna itself only warns about values out of range and ignores unknown knobs.
        """
        trial = _Recorder(point)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                self.configure(trial, steps)
            except (Warning, UserError) as problem:
                raise UserError(f"space {self.name}, point {dict(point)}: {problem}") from None
        unknown = set(point) - trial.asked
        if unknown:
            raise UserError(
                f"space {self.name}, point {dict(point)}: no such knob here: {', '.join(sorted(unknown))}; "
                f"this point has {', '.join(sorted(trial.asked))}"
            )

    def grid_points(self) -> list[dict[str, Any]]:
        """The product of the grid's values, as points.  Raises `UserError` when the space has no grid."""
        if not self.space.grid:
            raise UserError(f"sampler list needs a grid, but space {self.name} defines none")
        return [dict(zip(self.space.grid, values, strict=True)) for values in itertools.product(*self.space.grid.values())]


class _Recorder:
    """Answers a define-by-run function from a fixed point, checks ranges, and remembers what was asked for.

    Knobs that the point leaves open get their range's low end (or first choice): only validity is checked with it.
    """

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.point = point
        self.asked: set[str] = set()

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        return float(self._number(name, low, high))

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        return int(self._number(name, low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.asked.add(name)
        value = self.point.get(name, choices[0])
        if value not in choices:
            raise UserError(f"{name} must be one of {', '.join(map(str, choices))}, but got {value!r}")
        return value

    def _number(self, name: str, low: float, high: float) -> float:
        self.asked.add(name)
        value = self.point.get(name, low)
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise UserError(f"{low} <= {name} <= {high} must hold, but got {name}={value!r}")
        return value
