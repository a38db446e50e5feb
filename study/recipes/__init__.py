"""The sources' experiments, one file each: `python -m study.recipe --list`.

A file opens with its source, the command, what it costs and what to expect, and the reading it takes where the source leaves
something open.  It defines one `RECIPE`, named like the file, or the `RECIPES` of a family, {name: recipe}; everything else
follows from that: training, figures, numbers, the published model.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from models.errors import unknown
from models.plugins import Plugins
from study.recipes._recipe import Recipe

__all__ = ["RECIPE_FILES", "Recipe", "about_recipe", "load_recipe", "recipe_names", "warm_starts"]

RECIPE_FILES = Plugins("study.recipes", kind="recipe")


def recipe_names() -> list[str]:
    """All names, sorted."""
    return sorted(_homes())


def load_recipe(name: str) -> Recipe:
    """The recipe of that name.  Raises `UserError` that lists the choices when there is none."""
    return _recipes(_home(name))[name]


def about_recipe(name: str) -> str:
    """What its file says: source, command, cost, readings, expectations.  Raises `UserError` for an unknown name."""
    return inspect.getdoc(RECIPE_FILES.load(_home(name))) or ""


def warm_starts(space: str) -> list[dict[str, Any]]:
    """The recipes that this space's knobs can express, as points of it."""
    recipes = [load_recipe(name) for name in recipe_names()]
    return [dict(recipe.start[space]) for recipe in recipes if space in recipe.start]


def _home(name: str) -> str:
    if name not in _homes():
        raise unknown("recipe", name, recipe_names())
    return _homes()[name]


@cache
def _homes() -> dict[str, str]:
    """{recipe: its file}."""
    return {name: file for file in RECIPE_FILES.names() for name in _recipes(file)}


def _recipes(file: str) -> dict[str, Recipe]:
    module = RECIPE_FILES.load(file)
    family: dict[str, Recipe] = getattr(module, "RECIPES", None) or {file: module.RECIPE}
    return family
