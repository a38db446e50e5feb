"""One recipe from data to published model: open the data, train, evaluate, draw, publish, write the numbers down.

`runs/<recipe>/recipe.json` holds what came out, `runs/<recipe>/figures` the source's figures, and
`runs/_sources/<source>.png` all figures of one source.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.files import write_atomically
from study.figures import models as figures
from study.figures import sheets
from study.recipes import load_recipe, recipe_names
from study.reproduction.gallery import FIGURES, Finished
from study.reproduction.numbers import metrics, record, sample_quality
from study.reproduction.numpy_training import train_numpy
from study.reproduction.opening import Request, open_recipe
from study.reproduction.publish import publish_recipe
from study.reproduction.training import Tell, train_torch

__all__ = ["run_recipe"]


def run_recipe(request: Request, tell: Tell) -> dict[str, Any]:
    """Do all of it; returns the record that is written to `recipe.json`.

    Raises `UserError` for an unknown recipe, or data that is missing (it says where to put which file).
    """
    recipe, dataset, config = open_recipe(request, tell)
    length = f"{config.training.steps:,} steps of {config.training.batch_size} images"
    tell(f"{request.name}: {length} of {dataset.name} ({dataset.source})")
    train = train_numpy if recipe.trainer == "numpy" else train_torch
    trained = train(config, dataset, request.folder, request.seed, tell)
    tell(f"training: {trained.status} {trained.reason}".strip())
    finished = Finished(request.name, recipe, dataset, trained, sample_quality(dataset, request.data))
    drawn = _draw(finished, request, tell)
    measured: dict[str, float] = {}
    model = None
    if trained.status != "diverged":
        measured = metrics(trained, dataset)
        version = publish_recipe(request, finished, measured)
        model = {"name": version.name, "version": version.number}
    found = record(request, finished, measured, drawn, model)
    write_atomically(request.folder / "recipe.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    _draw_source(request.runs, recipe.source)
    return found


def _draw(finished: Finished, request: Request, tell: Tell) -> list[str]:
    """Every figure of the recipe, and all of them on one sheet."""
    folder = request.folder / "figures"
    wanted = request.figures or finished.recipe.figures
    drawn = {}
    for name in wanted:
        if (name == "sample_quality" and finished.quality is None) or (
            finished.trained.status == "diverged" and name != "losses"
        ):
            continue
        drawn[name] = figures.png(FIGURES[name](finished))
        write_atomically(folder / f"{name}.png", drawn[name])
    for stale in folder.glob("*.png"):  # of an earlier version of the recipe
        if stale.stem not in drawn:
            stale.unlink()
    write_atomically(folder / "contact_sheet.png", figures.png(sheets.contact_sheet(drawn, finished.title)))
    tell(f"{len(drawn)} figures and contact_sheet.png in {folder}")
    return list(drawn)


def _draw_source(runs: Path, source: str) -> None:
    """The contact sheets of all recipes of one source that have been run, on one sheet: `runs/_sources/<source>.png`."""
    done = [name for name in recipe_names() if load_recipe(name).source == source]
    files = {name: runs / name / "figures" / "contact_sheet.png" for name in done}
    found = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    sheet = sheets.contact_sheet(found, source, columns=min(3, len(found)), width=12.0)  # large: to be read by zooming in
    write_atomically(runs / "_sources" / f"{source}.png", figures.png(sheet))
