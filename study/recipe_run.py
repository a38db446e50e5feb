"""One recipe from data to published model: open the data, train, evaluate, draw, publish, write the numbers down.

`runs/<recipe>/recipe.json` holds what came out: configuration, data, status, metrics, the source's numbers beside ours.
`runs/_sources/<source>.png` shows all figures of one source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.codec import TorchCodec
from models.errors import UserError
from models.files import write_atomically
from registry.inference import Model
from registry.manifest import Budget, DatasetRecord, Lineage
from registry.store import Store, Version
from study import figures
from study.conditional import conditional_measurement
from study.config import TrialConfig
from study.dataset import Dataset, Part
from study.datasets import load_dataset
from study.device import describe_hardware
from study.evaluate import EVALUATOR, evaluate_codec
from study.folder import git_state, library_versions, now
from study.pictures import sheets
from study.pictures.curves import epoch_averages
from study.points import LEAST_POINTS
from study.publication import PARITY_IMAGES, move_aliases, preprocessing_of, told
from study.publication import sheets as card_pictures
from study.recipe_figures import FIGURES, Outcome
from study.recipe_numpy import train_numpy
from study.recipe_training import Tell, Trained, train_torch
from study.recipes import RECIPES, Recipe, load_recipe
from study.sample_quality import SampleQuality, small_classifier

__all__ = ["Request", "open_recipe", "run_recipe"]

POINTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asked for.  dataset: instead of the recipe's own; steps: instead of the published epochs."""

    name: str
    runs: Path
    data: Path
    registry: Path
    seed: int = 0
    fast: bool = False
    dataset: str | None = None
    steps: int | None = None
    figures: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Everything but the model store."""
        return self.runs / self.name


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
    outcome = Outcome(request.name, recipe, dataset, trained, _quality(dataset, request.data))
    drawn = _draw(outcome, request, tell)
    metrics: dict[str, float] = {}
    version = None
    if trained.status != "diverged":
        metrics = {**_metrics(trained, dataset, "validation"), **_metrics(trained, dataset, "test")}
        version = _publish(request, outcome, metrics)
    record = _record(request, outcome, metrics, drawn, version)
    write_atomically(request.folder / "recipe.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    _draw_source(request.runs, recipe.source)
    return record


def open_recipe(request: Request, tell: Tell) -> tuple[Recipe, Dataset, TrialConfig]:
    """The recipe, its data, and the configuration of this very run.  Raises `UserError` as `run_recipe` does."""
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
    steps = request.steps or (recipe.fast_steps if request.fast else recipe.epochs * (rows // batch))
    return recipe.config(steps, **changed)


def _quality(dataset: Dataset, data: Path) -> SampleQuality | None:
    if dataset.labels is None:
        return None
    real = dataset.images[dataset.sample("test", 1_000, seed=1)]
    return SampleQuality(small_classifier(dataset, data), real)


def _draw(outcome: Outcome, request: Request, tell: Tell) -> list[str]:
    """Every figure of the recipe, and all of them on one sheet."""
    folder = request.folder / "figures"
    wanted = request.figures or outcome.recipe.figures
    drawn = {}
    for name in wanted:
        if (name == "sample_quality" and outcome.quality is None) or (outcome.trained.status == "diverged" and name != "losses"):
            continue
        drawn[name] = figures.png(FIGURES[name](outcome))
        write_atomically(folder / f"{name}.png", drawn[name])
    for stale in folder.glob("*.png"):  # of an earlier version of the recipe
        if stale.stem not in drawn:
            stale.unlink()
    write_atomically(folder / "contact_sheet.png", figures.png(sheets.contact_sheet(drawn, outcome.title)))
    tell(f"{len(drawn)} figures and contact_sheet.png in {folder}")
    return list(drawn)


def _draw_source(runs: Path, source: str) -> None:
    """The contact sheets of all recipes of one source that have been run, on one sheet: `runs/_sources/<source>.png`."""
    done = [name for name in RECIPES.names() if load_recipe(name).source == source]
    files = {name: runs / name / "figures" / "contact_sheet.png" for name in done}
    found = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    sheet = sheets.contact_sheet(found, source, columns=min(3, len(found)), width=12.0)  # large: to be read by zooming in
    write_atomically(runs / "_sources" / f"{source}.png", figures.png(sheet))


def _metrics(trained: Trained, dataset: Dataset, part: Part) -> dict[str, float]:
    values = _values(TorchCodec(trained.model), trained.model.config, dataset, part)
    return {f"test_{key}": value for key, value in values.items()} if part == "test" else values


def _values(codec: Any, config: Any, dataset: Dataset, part: Part) -> dict[str, float]:
    names = ["recon", "kl", "negative_elbo", "active_units"]
    if dataset.factors is not None and len(dataset.parts[part]) >= LEAST_POINTS:
        names.append("mig")
    return evaluate_codec(codec, dataset, metrics=names, part=part, points=POINTS, config=config).values


def _publish(request: Request, outcome: Outcome, metrics: Mapping[str, float]) -> Version:
    """As a version of the model `<recipe>`; a training that is in the registry already is returned as it is."""
    from registry.gate import publish_model

    store, trained, dataset = Store(request.registry), outcome.trained, outcome.dataset
    lineage = _lineage(request, trained, dataset)
    earlier = _published(store, request.name, lineage)
    if earlier is not None:
        return earlier

    def evaluator(exported: Model) -> dict[str, float]:
        config = exported.manifest.model
        tested = _values(exported, config, dataset, "test")
        return {**_values(exported, config, dataset, "validation"), **{f"test_{key}": v for key, v in tested.items()}}

    rows = dataset.sample("validation", PARITY_IMAGES, seed=1)
    config = trained.model.config
    kl = list(outcome.encoding.kl.mean(axis=0))
    version = publish_model(
        store,
        request.name,
        trained.model,
        lineage=lineage,
        preprocessing=preprocessing_of(dataset),
        evaluator=evaluator,
        claimed=metrics,
        sample_images=dataset.images[rows],
        sample_condition=told(config, dataset, rows),
        pictures=card_pictures(outcome.codec, config, dataset, kl, outcome.title),
        evaluator_version=EVALUATOR,
        description=f"recipe {request.name}: {outcome.recipe.purpose}",
        tags={"recipe": request.name, "status": trained.status},
    )
    move_aliases(store, request.name, version, ["negative_elbo"])
    return version


def _lineage(request: Request, trained: Trained, dataset: Dataset) -> Lineage:
    import torch

    git = git_state()
    return Lineage(
        dataset=DatasetRecord(name=dataset.name, source=dataset.source, digest=dataset.digest),
        budget=Budget(name="fast" if request.fast else "full", steps=trained.steps),
        seed=trained.seed,
        study=request.name,
        config=trained.config.model_dump(mode="json"),
        config_digest=trained.config.digest(),
        git_commit=git.get("commit"),
        git_dirty=git.get("dirty"),
        libraries=library_versions(),
        hardware=dict(describe_hardware(torch.device("cpu"))),
    )


def _published(store: Store, name: str, lineage: Lineage) -> Version | None:
    """The version that is this very training."""
    if name not in store.names():
        return None
    for version in store.versions(name):
        found = version.manifest.lineage
        if (found.config_digest, found.seed, found.dataset.digest) == (
            lineage.config_digest,
            lineage.seed,
            lineage.dataset.digest,
        ):
            return version
    return None


def _record(
    request: Request, outcome: Outcome, metrics: Mapping[str, float], drawn: list[str], version: Version | None
) -> dict[str, Any]:
    trained, dataset = outcome.trained, outcome.dataset
    averages = epoch_averages(trained.history)
    return {
        "recipe": request.name,
        "source": outcome.recipe.source,
        "fast": request.fast,
        "dataset": {"name": dataset.name, "source": dataset.source, "digest": dataset.digest, "notes": list(dataset.notes)},
        "stand_in": dataset.name if dataset.name != outcome.recipe.dataset else None,
        "status": trained.status,
        "reason": trained.reason,
        "seed": trained.seed,
        "steps": trained.steps,
        "epochs": trained.epoch(trained.steps),
        "training_seconds": round(trained.seconds, 1),
        "reported": dict(outcome.recipe.reported),
        "reached": _reached(outcome.recipe.reported, averages["loss"], trained),
        "final_epoch": {key: float(value) for key, value in averages.iloc[-1].items()},
        "metrics": dict(metrics),
        "conditional": _conditional(outcome),
        "sample_quality": _sample_quality(outcome),
        "figures": drawn,
        "model": None if version is None else {"name": version.name, "version": version.number},
        "config": trained.config.model_dump(mode="json"),
        "finished": now(),
    }


def _conditional(outcome: Outcome) -> dict[str, float] | None:
    """What a wrong label does, of a conditional model."""
    labels = outcome.labels(2_000)
    if labels is None or outcome.quality is None or outcome.trained.status == "diverged":
        return None
    classes = len(outcome.dataset.label_names)
    return conditional_measurement(outcome.codec, outcome.images(2_000), labels, classes, outcome.quality.classifier)


def _sample_quality(outcome: Outcome) -> dict[str, Any] | None:
    """Of the last samples and of real pictures."""
    if outcome.quality is None or outcome.trained.status == "diverged":
        return None
    return {
        "samples": outcome.quality.scores(outcome.trained.snapshots[-1].samples),
        "real": outcome.quality.scores(outcome.images(1_000)),
        "classifier_test_accuracy": outcome.quality.classifier.accuracy,
    }


def _reached(reported: Mapping[str, float], averages: pd.Series, trained: Trained) -> dict[str, float | None]:
    """Ours beside each of the source's numbers; None for an epoch that this run did not reach in full."""
    whole = int(trained.epoch(trained.steps) + 1e-9)
    found: dict[str, float | None] = {}
    for key in reported:
        epoch = int(key.removeprefix("epoch "))
        found[key] = float(averages.loc[epoch]) if epoch <= whole else None
    return found
