"""What a recipe's run measures: losses on validation and test images, what a wrong label does, how good the samples are.

`record` is what `runs/<recipe>/recipe.json` holds: configuration, data, status, metrics, the source's numbers beside ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from models.codec import TorchCodec
from study.datasets import Dataset, Part
from study.evaluate import evaluate_codec
from study.evidence.points import LEAST_POINTS
from study.figures.curves import epoch_averages
from study.records.provenance import now
from study.reproduction.conditional import conditional_measurement
from study.reproduction.gallery import Finished
from study.reproduction.opening import Request
from study.reproduction.sample_quality import SampleQuality, small_classifier
from study.reproduction.training import Trained

__all__ = ["losses", "metrics", "record", "sample_quality"]

POINTS = 10_000


def sample_quality(dataset: Dataset, data: Path) -> SampleQuality | None:
    """The judge of this data set's samples; None where it has no labels to train a classifier with."""
    if dataset.labels is None:
        return None
    real = dataset.images[dataset.sample("test", 1_000, seed=1)]
    return SampleQuality(small_classifier(dataset, data), real)


def metrics(trained: Trained, dataset: Dataset) -> dict[str, float]:
    """`losses` of the trained model on validation images, and as `test_…` on test images."""
    return losses(TorchCodec(trained.model), trained.model.config, dataset)


def losses(codec: Any, config: Any, dataset: Dataset) -> dict[str, float]:
    """Nats per image, active units, and MIG where there are factors; of a model or of its exported files."""
    tested = _values(codec, config, dataset, "test")
    return {**_values(codec, config, dataset, "validation"), **{f"test_{key}": value for key, value in tested.items()}}


def _values(codec: Any, config: Any, dataset: Dataset, part: Part) -> dict[str, float]:
    names = ["recon", "kl", "negative_elbo", "active_units"]
    if dataset.factors is not None and len(dataset.parts[part]) >= LEAST_POINTS:
        names.append("mig")
    return evaluate_codec(codec, dataset, metrics=names, part=part, points=POINTS, config=config).values


def record(
    request: Request, finished: Finished, measured: Mapping[str, float], drawn: list[str], model: dict[str, Any] | None
) -> dict[str, Any]:
    """Everything that came out, as JSON.  drawn: names of the figures.  model: its name and version in the registry."""
    trained, dataset = finished.trained, finished.dataset
    averages = epoch_averages(trained.history)
    return {
        "recipe": request.name,
        "source": finished.recipe.source,
        "fast": request.fast,
        "dataset": {"name": dataset.name, "source": dataset.source, "digest": dataset.digest, "notes": list(dataset.notes)},
        "stand_in": dataset.name if dataset.name != finished.recipe.dataset else None,
        "status": trained.status,
        "reason": trained.reason,
        "seed": trained.seed,
        "steps": trained.steps,
        "epochs": trained.epoch(trained.steps),
        "training_seconds": round(trained.seconds, 1),
        "reported": dict(finished.recipe.reported),
        "reached": _reached(finished.recipe.reported, averages["loss"], trained),
        "final_epoch": {key: float(value) for key, value in averages.iloc[-1].items()},
        "metrics": dict(measured),
        "conditional": _conditional(finished),
        "sample_quality": _sample_quality(finished),
        "figures": drawn,
        "model": model,
        "config": trained.config.model_dump(mode="json"),
        "finished": now(),
    }


def _conditional(finished: Finished) -> dict[str, float] | None:
    """What a wrong label does, of a conditional model."""
    labels = finished.labels(2_000)
    if labels is None or finished.quality is None or finished.trained.status == "diverged":
        return None
    classes = len(finished.dataset.label_names)
    return conditional_measurement(finished.codec, finished.images(2_000), labels, classes, finished.quality.classifier)


def _sample_quality(finished: Finished) -> dict[str, Any] | None:
    """Of the last samples and of real pictures."""
    if finished.quality is None or finished.trained.status == "diverged":
        return None
    return {
        "samples": finished.quality.scores(finished.trained.snapshots[-1].samples),
        "real": finished.quality.scores(finished.images(1_000)),
        "classifier_test_accuracy": finished.quality.classifier.accuracy,
    }


def _reached(reported: Mapping[str, float], averages: pd.Series, trained: Trained) -> dict[str, float | None]:
    """Ours beside each of the source's numbers; None for an epoch that this run did not reach in full."""
    whole = int(trained.epoch(trained.steps) + 1e-9)
    found: dict[str, float | None] = {}
    for key in reported:
        epoch = int(key.removeprefix("epoch "))
        found[key] = float(averages.loc[epoch]) if epoch <= whole else None
    return found
