"""A trial's model becomes a version of the registry, checked on its exported files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from models.checkpoint import load_model
from models.codec import Codec
from registry.manifest import Budget, DatasetRecord, Lineage
from registry.place import registry_folder
from registry.store import Store, Version
from study.config import TrialConfig
from study.datasets import Dataset, load_dataset
from study.evaluate import EVALUATOR, evaluate_codec, possible
from study.publishing.agreement import check_agreement
from study.publishing.card import PARITY_IMAGES, move_aliases, preprocessing_of, sheets, told
from study.records.folder import StudyFolder, model_path
from study.records.pareto import nearest_ideal
from study.records.winners import typical_replicate

if TYPE_CHECKING:
    import pandas as pd

    from registry.inference import Model

__all__ = ["publish_trials"]


def publish_trials(
    folder: StudyFolder, trials: pd.DataFrame, store: Store | None = None, name: str | None = None, *, aliases: bool = True
) -> list[Version]:
    """Publish these trials' models, in order; one that is in the registry already is returned as it is.

    aliases: move `candidate` to the one nearest the ideal point, and `champion` if it has earned it.
    """
    record = folder.record
    store = store or Store(registry_folder())
    name = name or record.space
    if trials.empty:
        return []
    first = TrialConfig.parse(json.loads(trials.iloc[0]["config"]))
    dataset = load_dataset(first.dataset, record.data, **first.dataset_options)
    versions = [_publish_one(folder, row, store, name, dataset) for _, row in trials.iterrows()]
    if aliases and versions:
        values = trials[list(record.metrics)].to_numpy()
        move_aliases(store, name, versions[nearest_ideal(values, record.directions)], record.metrics)
    return versions


def _publish_one(folder: StudyFolder, row: pd.Series, store: Store, name: str, dataset: Dataset) -> Version:
    from models.codec import TorchCodec
    from registry.gate import publish_model

    record, trial = folder.record, int(row["trial"])
    replicate = typical_replicate(folder, trial)
    earlier = _published(store, name, record.name, trial, int(replicate["seed"]))
    if earlier is not None:
        return earlier
    model = load_model(model_path(folder.path, row["config_digest"], int(replicate["replicate"])))
    title = f"{name}, trial {trial} of {record.name}"
    pictures = sheets(TorchCodec(model), model.config, dataset, list(replicate["kl_per_latent"]), title)
    for file, data in pictures.items():
        target = folder.path / "figures" / f"trial-{trial:03d}-{file}"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    rows = dataset.sample("validation", PARITY_IMAGES, seed=1)
    claimed = {key: float(replicate[key]) for key in (*record.metrics, *record.also) if _number(replicate.get(key))}
    return publish_model(
        store,
        name,
        model,
        lineage=_lineage(folder, row, replicate, dataset),
        preprocessing=preprocessing_of(dataset),
        evaluator=lambda exported: _evaluate(exported, TorchCodec(model), dataset, record, claimed),
        claimed=claimed,
        sample_images=dataset.images[rows],
        sample_condition=told(model.config, dataset, rows),
        pictures=pictures,
        evaluator_version=EVALUATOR,
        description=f"{row.get('objective', '')} on {dataset.name} ({dataset.source})".strip(),
    )


def _evaluate(exported: Model, trained: Codec, dataset: Dataset, record: Any, claimed: Mapping[str, float]) -> dict[str, float]:
    """Everything that takes seconds on the validation images, and the searched metrics on the test images.

    Raises `UserError` when the exported files rank a batch differently from the trained model.
    """
    if exported.manifest.model.condition is None:
        rows = dataset.sample("validation", PARITY_IMAGES, seed=1)
        check_agreement(trained, exported, dataset.images[rows])
    config = exported.manifest.model
    common = {"points": record.budget.points, "config": config, "seed": record.seed}
    names = list(dict.fromkeys([*claimed, *possible(dataset)]))
    values = evaluate_codec(exported, dataset, metrics=names, part="validation", **common).values
    tested = evaluate_codec(exported, dataset, metrics=[m for m in record.metrics if m in claimed], part="test", **common).values
    return {**values, **{f"test_{key}": value for key, value in tested.items()}}


def _lineage(folder: StudyFolder, row: pd.Series, replicate: Mapping[str, Any], dataset: Dataset) -> Lineage:
    record = folder.record
    return Lineage(
        dataset=DatasetRecord(name=dataset.name, source=dataset.source, digest=dataset.digest),
        budget=Budget(name=record.budget_name, steps=int(replicate["steps"])),
        seed=int(replicate["seed"]),
        seeds=int(row["n_replicates"]),
        study=record.name,
        trial=int(row["trial"]),
        config=json.loads(row["config"]),
        config_digest=row["config_digest"],
        git_commit=record.git.get("commit"),
        git_dirty=record.git.get("dirty"),
        libraries=record.versions,
        hardware=record.hardware,
    )


def _published(store: Store, name: str, study: str, trial: int, seed: int) -> Version | None:
    """The version that is this very training, if it is in the registry already."""
    if name not in store.names():
        return None
    for version in store.versions(name):
        lineage = version.manifest.lineage
        if (lineage.study, lineage.trial, lineage.seed) == (study, trial, seed):
            return version
    return None


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))
