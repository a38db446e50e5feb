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
from dataclasses import dataclass, field, replace
from typing import Any

from models.config import Config
from models.errors import UserError, unknown
from study.config import TrialConfig
from study.spaces._pairs import check_paired, pair_of
from study.spaces._recorder import Recorder

__all__ = ["Budget", "LoadedSpace", "Space"]


class Budget(Config):
    """How much one study spends.

    steps           of each training; schedules scale with it
    points          images behind the metrics at a trial's end (the protocol of published values: 15,000)
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
    paired  the knob whose arms share their seeds, and a trunk where their schedules agree; None: every point has its own
    """

    purpose: str
    dataset: str
    metrics: tuple[str, ...]
    budgets: Mapping[str, Budget]
    also: tuple[str, ...] = ()
    start: Sequence[Mapping[str, Any]] = ()
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    paired: str | None = None


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
        fields = {"dataset": name, "dataset_options": options, **values, "training": training}
        if self.space.paired is not None:
            fields["pair"] = pair_of(self.suggest, trial.params, self.space.paired)
        return TrialConfig.parse(fields)

    def paired_by(self, knob: str) -> LoadedSpace:
        """The same space with the arms of `knob` paired.  Raises `UserError` for a knob that it does not have."""
        check_paired(self.name, self.suggest, [*self.space.start, *(self.grid_points() if self.space.grid else [])], knob)
        return replace(self, space=replace(self.space, paired=knob))

    def check_point(self, point: Mapping[str, Any], steps: int) -> None:
        """A point must lie inside its knobs' ranges, name only knobs it has, and give a valid configuration.

        Raises `UserError`.  Optuna itself only warns about values out of range and ignores unknown knobs.
        """
        trial = Recorder(point)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                self.configure(trial, steps)
            except (Warning, UserError) as problem:
                raise UserError(f"space {self.name}, point {dict(point)}: {problem}") from None
        unknown = set(point) - set(trial.params)
        if unknown:
            raise UserError(
                f"space {self.name}, point {dict(point)}: no such knob here: {', '.join(sorted(unknown))}; "
                f"this point has {', '.join(sorted(trial.params))}"
            )

    def grid_points(self) -> list[dict[str, Any]]:
        """The product of the grid's values, as points.  Raises `UserError` when the space has no grid."""
        if not self.space.grid:
            raise UserError(f"sampler list needs a grid, but space {self.name} defines none")
        return [dict(zip(self.space.grid, values, strict=True)) for values in itertools.product(*self.space.grid.values())]
