"""What the recipes that have been run on this machine gave, the sources' numbers beside ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.errors import UserError
from registry.console import duration
from study.recipes import load_recipe, recipe_names

__all__ = ["COLUMNS", "records", "row"]

COLUMNS = ("recipe", "data", "epochs", "of", "training", "source → here (nats)", "test −ELBO", "wrong label")


def records(runs: Path) -> list[dict[str, Any]]:
    """The `recipe.json` of every recipe in `runs`, in the order of `--list`.  Raises `UserError` where there is none."""
    paths = [runs / name / "recipe.json" for name in recipe_names()]
    found = [json.loads(path.read_text()) for path in paths if path.exists()]
    if not found:
        raise UserError(f"no recipe has been run in {runs}: python -m study.recipe --list, then python -m study.recipe NAME")
    return found


def row(record: dict[str, Any]) -> tuple[str, ...]:
    """One record as the cells of `COLUMNS`.

    wrong label: in how many outputs a classifier sees the told class, and how much of the image's slant and ink is kept.
    """
    data, recipe = record["dataset"], load_recipe(record["recipe"])
    name = "folder" if data["name"].startswith("folder:") else data["name"]
    compared = [f"{key}: {value:.1f} → {_number(record['reached'][key])}" for key, value in record["reported"].items()]
    loss = record["metrics"].get("test_negative_elbo")
    told = record["conditional"]
    return (
        record["recipe"],
        f"{name} ({data['source']})" if data["source"] != name else name,
        f"{record['epochs']:.3g}",
        str(recipe.epochs),
        duration(record["training_seconds"]),
        ", ".join(compared),
        record["status"] if loss is None else f"{loss:.1f}",
        f"told {told['told_accuracy']:.0%}, slant {told['style_slant']:.2f}, ink {told['style_ink']:.2f}" if told else "",
    )


def _number(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.1f}"
