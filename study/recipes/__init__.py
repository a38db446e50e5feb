"""The sources' experiments, one file each: `python -m study.recipe --list`.

A file opens with its source, the command, what it costs and what to expect, and the reading it takes where the source leaves
something open.  It defines one `RECIPE`; everything else follows from that: training, figures, numbers, the published model.
"""

from __future__ import annotations

from typing import Any

from models.plugins import Plugins
from study.recipes._recipe import Recipe

__all__ = ["RECIPES", "Recipe", "load_recipe", "warm_starts"]

RECIPES = Plugins("study.recipes", kind="recipe")


def load_recipe(name: str) -> Recipe:
    """The recipe of that name.  Raises `UserError` that lists the choices when there is none."""
    recipe: Recipe = RECIPES.load(name).RECIPE
    return recipe


def warm_starts(space: str) -> list[dict[str, Any]]:
    """The recipes that this space's knobs can express, as points of it."""
    recipes = [load_recipe(name) for name in RECIPES.names()]
    return [dict(recipe.start[space]) for recipe in recipes if space in recipe.start]
