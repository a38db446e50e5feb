"""Before a recipe runs: what was asked for, the data it finds or the stand-in it takes, the configuration of this very run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from study.config import TrialConfig
from study.datasets import Dataset, load_dataset
from study.recipes import Recipe, load_recipe
from study.reproduction.training import Tell

__all__ = ["Request", "open_recipe"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asked for.  dataset: instead of the recipe's own; epochs, steps: instead of the published length."""

    name: str
    runs: Path
    data: Path
    registry: str | Path
    seed: int = 0
    fast: bool = False
    epochs: int | None = None
    dataset: str | None = None
    steps: int | None = None
    figures: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Everything but the model store."""
        return self.runs / self.name

    @property
    def budget(self) -> str:
        """The name of this run's length; models are compared only within one."""
        if self.fast:
            return "fast"
        if self.steps is not None:
            return f"{self.steps} steps"
        return "full" if self.epochs is None else f"{self.epochs} epochs"


def open_recipe(request: Request, tell: Tell) -> tuple[Recipe, Dataset, TrialConfig]:
    """The recipe, its data, and the configuration of this very run.

    Raises `UserError` for an unknown recipe, two lengths at once, or data that is missing (it says where to put which file).
    """
    if request.fast and request.epochs is not None:
        raise UserError(f"--fast or --epochs, not both, must be given, but got --fast and --epochs {request.epochs}")
    recipe = load_recipe(request.name)
    dataset, changed = _open(request, recipe, tell)
    for note in dataset.notes:
        tell(f"note: {note}")
    return recipe, dataset, _config(request, recipe, dataset, changed)


def _open(request: Request, recipe: Recipe, tell: Tell) -> tuple[Dataset, dict[str, Any]]:
    """The data set, and which fields of the configuration it changes."""
    if request.dataset is not None:
        return _instead(request.dataset, recipe, request.data)
    try:
        return load_dataset(recipe.dataset, request.data, **recipe.settings.get("dataset_options", {})), {}
    except UserError as missing:
        if not request.fast:
            raise
        tell(f"note: {missing}")
        tell(
            "note: --fast goes on with scikit-learn's built-in digits instead: this shows that everything runs, and nothing more"
        )
        return _instead("digits", recipe, request.data)


def _instead(name: str, recipe: Recipe, data: Path) -> tuple[Dataset, dict[str, Any]]:
    """Another data set for the same settings, resized to the recipe's images where it can be."""
    channels, height, _ = recipe.image_shape
    options: dict[str, Any] = {}
    if name.startswith("folder:"):
        options = {"image_size": height, "mode": "L" if channels == 1 else "RGB"}
    if name == "digits":
        options = {"image_size": height}
    return load_dataset(name, data, **options), {"dataset": name, "dataset_options": options}


def _config(request: Request, recipe: Recipe, dataset: Dataset, changed: Mapping[str, Any]) -> TrialConfig:
    rows = len(dataset.parts["train"])
    batch = min(recipe.config(1).training.batch_size, rows)
    epochs = recipe.epochs if request.epochs is None else request.epochs
    steps = request.steps or (recipe.fast_steps if request.fast else epochs * (rows // batch))
    return recipe.config(steps, **changed)
