"""Learning-rate range test (Smith 2017): `python -m study.lr_range mnist_vae`.

A short training in which the learning rate grows geometrically, rate(s) = low·(high/low)^(s/steps), until the loss explodes.  The
loss, smoothed by an exponential average with bias correction, falls where the rate is useful; the suggestion is where it falls
most steeply over log(rate).  It is a starting value: a tenth of it is the cautious choice, and it says nothing about whether a
long training at that rate stays stable.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from models.errors import UserError
from models.files import check_writable, write_atomically
from registry.console import AsJson, command_line, make_console, print_json, run
from study.datasets import data_folder
from study.recipes import recipe_names
from study.records.folder import runs_folder

__all__ = ["RangeTest", "app", "main", "range_test", "suggestion"]

SMOOTHING = 0.95
EXPLODED = 4.0  # times the best smoothed loss: the test ends there

app = command_line(
    "Find a learning rate for a recipe: a short training at a growing rate, with its plot.",
    "python -m study.lr_range mnist_vae",
    "python -m study.lr_range mnist_vae --low 1e-5 --high 0.1 --steps 100",
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RangeTest:
    """rates, losses, smooth: (steps done,).  suggestion: None where the loss never fell."""

    rates: Floats
    losses: Floats
    smooth: Floats
    suggestion: float | None


@app.command()
def main(
    name: Annotated[str | None, typer.Argument(help="A recipe: its network, objective and batches.", show_default=False)] = None,
    low: Annotated[float, typer.Option(help="First learning rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Last learning rate, at most 1.")] = 1.0,
    steps: Annotated[int, typer.Option(min=20, max=10_000, help="Training steps.")] = 200,
    dataset: Annotated[str | None, typer.Option(help="Another data set for the same settings, e.g. folder:PATH.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of all randomness.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of all runs (default: runs, or $VAE_RUNS).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: data, or $VAE_DATA).")] = None,
    as_json: AsJson = False,
) -> None:
    """Test the recipe NAME; writes lr_range.png and lr_range.json into `runs/<recipe>/`."""
    if name is None:
        raise UserError(f"give the name of a recipe: {', '.join(recipe_names())}")
    from study.figures import models as figures
    from study.figures.curves import range_test as picture
    from study.reproduction.opening import Request, open_recipe

    console = Console(file=sys.stderr, highlight=False, soft_wrap=True) if as_json else make_console()
    request = Request(
        name=name, runs=runs_folder(out), data=data_folder(data), registry=Path(), seed=seed, steps=steps, dataset=dataset
    )
    check_writable(request.runs, "--out")
    _, opened, config = open_recipe(request, lambda line: console.print(line, markup=False))
    found = range_test(config, opened, low, high, seed)
    record = {"recipe": name, "low": low, "high": high, "steps_done": len(found.rates), "suggestion": found.suggestion}
    title = f"{name}: range test, {len(found.rates)} steps"
    write_atomically(request.folder / "lr_range.png", figures.png(picture(found.rates, found.smooth, found.suggestion, title)))
    curve = {key: getattr(found, key).tolist() for key in ("rates", "losses", "smooth")}
    write_atomically(request.folder / "lr_range.json", json.dumps(record | curve) + "\n")
    if as_json:
        print_json(record)
        return
    advice = (
        "the loss never fell" if found.suggestion is None else f"suggestion {found.suggestion:.2g}, or a tenth of it to be safe"
    )
    console.print(f"{advice}; ended at rate {found.rates[-1]:.2g} after {len(found.rates)} steps", markup=False)
    console.print(f"figure    {request.folder / 'lr_range.png'}", markup=False)


def range_test(config, dataset, low: float = 1e-6, high: float = 1.0, seed: int = 0) -> RangeTest:  # type: ignore[no-untyped-def]
    """Train `config` (a `TrialConfig`) on `dataset` for its number of steps with the rate growing from `low` to `high`.

    Raises `UserError` unless 0 < low < high <= 1.
    """
    import torch

    from study.training.run import Run

    if not 0 < low < high <= 1:
        raise UserError(f"0 < low < high <= 1 must hold, but got low={low:g}, high={high:g}")
    growing = {"learning_rate": low, "lr_final": high, "lr_schedule": "exponential", "patience": None}
    tested = config.model_copy(update={"training": config.training.model_copy(update=growing)})
    run_ = Run(tested, dataset, tested.seed(seed, 0), torch.device("cpu"), reports=config.training.steps)
    rates: list[float] = []
    losses: list[float] = []
    for report in run_.advance():
        rates.append(report.learning_rate)
        losses.append(report.loss)
        curve = smoothed(np.array(losses))
        if run_.status == "diverged" or (len(curve) > 10 and curve[-1] > EXPLODED * abs(curve.min())):
            break
    values = np.array(losses)
    keep = np.isfinite(values)
    curve = smoothed(values[keep])
    return RangeTest(np.array(rates)[keep], values[keep], curve, suggestion(np.array(rates)[keep], curve))


def smoothed(losses: Floats, weight: float = SMOOTHING) -> Floats:
    """Exponential average with bias correction, as Adam corrects its moments."""
    average, curve = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average = weight * average + (1 - weight) * float(loss)
        curve.append(average / (1 - weight**step))
    return np.array(curve)


def suggestion(rates: Floats, smooth: Floats) -> float | None:
    """Where the smoothed loss falls most steeply over log(rate), before its lowest point; None where it never falls.

    >>> rates = np.logspace(-4, 0, 9)
    >>> round(suggestion(rates, np.array([9.0, 9, 8, 5, 2, 1, 1, 4, 20])), 4)
    0.0032
    """
    if len(smooth) < 3:
        return None
    best = max(2, int(np.argmin(smooth)) + 1)
    slope = np.gradient(smooth[:best], np.log(rates[:best]))
    steepest = int(np.argmin(slope))
    return float(rates[steepest]) if slope[steepest] < 0 else None


if __name__ == "__main__":
    run(app)
