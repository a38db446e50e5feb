"""Search spaces, one file each; `around_<recipe>` is one around any recipe.  `_space.py` says what a file holds."""

from __future__ import annotations

from models.plugins import Plugins
from study.spaces._around import around
from study.spaces._space import Budget, LoadedSpace, Space

__all__ = ["AROUND", "SPACES", "Budget", "LoadedSpace", "Space", "load_space"]

SPACES = Plugins("study.spaces", kind="space")
AROUND = "around_"


def load_space(name: str, paired: str | None = None) -> LoadedSpace:
    """The space file `name`, or the space around a recipe, `around_<recipe>`; with the arms of the knob `paired` paired.

    Raises `UserError` for an unknown name or knob, or a start point that breaks a rule.
    """
    if name.startswith(AROUND):
        loaded = LoadedSpace(name, *around(name.removeprefix(AROUND)))
    else:
        module = SPACES.load(name)
        loaded = LoadedSpace(name, module.SPACE, module.suggest)
    steps = min(budget.steps for budget in loaded.space.budgets.values())
    for point in loaded.space.start:
        loaded.check_point(point, steps)
    return loaded if paired is None else loaded.paired_by(paired)
