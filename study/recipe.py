"""The sources' experiments: `python -m study.recipe --list`, `python -m study.recipe mnist_vae [--fast | --epochs N]`.

Trains, draws the source's figures into `runs/<recipe>/figures`, publishes the model under the recipe's name, and writes the
numbers to `runs/<recipe>/recipe.json`.  Interrupted, the same command continues.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from models.errors import UserError
from models.files import check_writable
from registry.console import AsJson, Registry, command_line, duration, make_console, print_json, print_table, run
from registry.place import registry_place
from study.datasets import data_folder
from study.recipes import load_recipe, recipe_names
from study.records.folder import runs_folder

__all__ = ["app", "main"]

app = command_line(
    "Run one of the sources' experiments: train it, draw its figures, publish its model.",
    "python -m study.recipe --list",
    "python -m study.recipe mnist_vae --fast",
    "python -m study.recipe celeba_vae --dataset folder:photos",
)


@app.command()
def main(
    name: Annotated[str | None, typer.Argument(help="Which experiment: a file in study/recipes.", show_default=False)] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show all recipes.")] = False,
    results: Annotated[
        bool, typer.Option("--results", help="Show what the recipes run so far gave, beside the sources.")
    ] = False,
    fast: Annotated[bool, typer.Option("--fast", help="A short pass instead of the published epochs.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Another length; schedules scale with it.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Another data set for the same settings, e.g. folder:PATH.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of all randomness.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of all runs (default: runs, or $VAE_RUNS).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: data, or $VAE_DATA).")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Run the recipe NAME, --list them all, or show the --results of those that have been run."""
    if show_list:
        _show_list(as_json)
        return
    if results:
        _show_results(runs_folder(out), as_json)
        return
    if name is None:
        raise UserError(f"give the name of a recipe (or --list, --results): {', '.join(recipe_names())}")
    load_recipe(name)  # an unknown name fails before seconds of imports
    from study.reproduction.opening import Request
    from study.reproduction.run import run_recipe

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True) if as_json else make_console()
    request = Request(
        name=name, runs=runs_folder(out), data=data_folder(data), registry=registry_place(registry),
        seed=seed, fast=fast, epochs=epochs, dataset=dataset,
    )  # fmt: skip

    check_writable(request.runs, "--out")

    def tell(line: str) -> None:
        console.print(line, markup=False)
        console.file.flush()  # into a file as it happens, too

    record = run_recipe(request, tell)
    if as_json:
        print_json(record)
    else:
        for line in _summary(record, request.folder):
            console.print(line, markup=False)


def _summary(record: dict[str, Any], folder: Path) -> list[str]:
    shown = ", ".join(f"{key} {value:.4g}" for key, value in record["metrics"].items() if key.startswith("test_"))
    lines = [f"{record['status']} after {record['epochs']:.3g} epochs, {duration(record['training_seconds'])} of training"]
    if shown:
        lines.append(f"test images, n = 1 seed: {shown}")
    if record["conditional"]:
        lines.append("wrong labels: " + ", ".join(f"{key} {value:.3g}" for key, value in record["conditional"].items()))
    for key, value in record["reported"].items():
        ours = record["reached"][key]
        lines.append(f"{key}: source {value:.1f}, here " + ("not reached in this run" if ours is None else f"{ours:.1f}"))
    lines.append(f"figures   {folder / 'figures' / 'contact_sheet.png'}")
    if record["model"]:
        lines.append(f"model     from registry import load; load({record['model']['name']!r}, {record['model']['version']})")
    return lines


def _show_list(as_json: bool) -> None:
    recipes = {name: load_recipe(name) for name in recipe_names()}
    if as_json:
        print_json([{"name": n, "dataset": r.dataset, "epochs": r.epochs, "purpose": r.purpose} for n, r in recipes.items()])
        return
    rows = [(name, recipe.dataset, recipe.epochs, recipe.purpose) for name, recipe in recipes.items()]
    print_table(["recipe", "data", "epochs", "purpose"], rows)


def _show_results(runs: Path, as_json: bool) -> None:
    from study.reproduction.results import COLUMNS, records, row

    found = records(runs)
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, [row(record) for record in found])


if __name__ == "__main__":
    run(app)
