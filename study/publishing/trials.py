"""Trials of a study in the registry: each as one trained network with its own metrics.

Of a trial with several seeds the replicate nearest the medians is taken, not the luckiest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from models.checkpoint import load_model
from registry.manifest import Budget
from registry.place import open_store
from registry.shelf import Shelf
from registry.version import Version
from study.config import TrialConfig
from study.datasets import Dataset, load_dataset
from study.evaluate import evaluate_codec, possible
from study.publishing.champion import move_aliases
from study.publishing.publish import Candidate, lineage_of, publish
from study.records.folder import StudyFolder, StudyRecord, model_path
from study.records.pareto import nearest_ideal
from study.records.winners import confirmed_medians, typical_replicate

if TYPE_CHECKING:
    import pandas as pd

    from registry.inference import Model

__all__ = ["publish_trials", "with_models"]


def with_models(folder: StudyFolder, trials: pd.DataFrame, say: Callable[[str], object]) -> pd.DataFrame:
    """Those of `trials` whose model is in the study's folder; `say` is told of others, whose files somebody took away."""
    here = [
        model_path(folder.path, row["config_digest"], int(typical_replicate(folder, int(row["trial"]))["replicate"])).is_file()
        for _, row in trials.iterrows()
    ]
    gone = [str(int(trial)) for trial, there in zip(trials["trial"], here, strict=True) if not there]
    if gone:
        say(f"note: not published, for their models are not in {folder.path / 'models'}: trial {', '.join(gone)}")
    return trials[here]


def publish_trials(
    folder: StudyFolder,
    trials: pd.DataFrame,
    store: Shelf | None = None,
    name: str | None = None,
    *,
    aliases: bool = True,
    after: Callable[[Version], object] = lambda version: None,
    say: Callable[[str], object] = lambda line: None,
) -> list[Version]:
    """Publish these trials' models, in order; one that is in the registry already is returned as it is.

    aliases: move `candidate` to the one nearest the ideal point, and `champion` if it has earned it; `say` is told.
    after: is given each version, before an alias moves.
    """
    record = folder.record
    store = store or open_store()
    name = name or record.space
    if trials.empty:
        return []
    first = TrialConfig.parse(json.loads(trials.iloc[0]["config"]))
    dataset = load_dataset(first.dataset, record.data, **first.dataset_options)
    versions = [_publish_one(folder, row, store, name, dataset) for _, row in trials.iterrows()]
    for version in versions:
        after(version)
    if aliases:
        best = versions[_best(folder, trials)]
        say(move_aliases(store, name, best, record.metrics))
    return versions


def _best(folder: StudyFolder, trials: pd.DataFrame) -> int:
    """The place of the trial nearest the ideal point: by what fresh seeds say, among the confirmed ones where there are any."""
    metrics, confirmed = list(folder.record.metrics), confirmed_medians(folder)
    numbers = [int(trial) for trial in trials["trial"]]
    sure = [place for place, trial in enumerate(numbers) if trial in confirmed.index]
    if not sure or not set(metrics) <= set(confirmed.columns):
        return nearest_ideal(trials[metrics].to_numpy(), folder.record.directions)
    fresh = confirmed.loc[[numbers[place] for place in sure], metrics]
    return sure[nearest_ideal(fresh.to_numpy(), folder.record.directions)]


def _publish_one(folder: StudyFolder, row: pd.Series, store: Shelf, name: str, dataset: Dataset) -> Version:
    version, pictures = publish(store, _candidate(folder, row, name, dataset))
    for file, data in pictures.items():
        target = folder.path / "figures" / f"trial-{int(row['trial']):03d}-{file}"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    return version


def _candidate(folder: StudyFolder, row: pd.Series, name: str, dataset: Dataset) -> Candidate:
    record, trial = folder.record, int(row["trial"])
    replicate = typical_replicate(folder, trial)
    claimed = {key: float(replicate[key]) for key in (*record.metrics, *record.also) if _number(replicate.get(key))}
    return Candidate(
        name=name,
        model=load_model(model_path(folder.path, row["config_digest"], int(replicate["replicate"]))),
        dataset=dataset,
        lineage=lineage_of(
            dataset,
            TrialConfig.parse(json.loads(row["config"])),
            budget=Budget(name=record.budget_name, steps=int(replicate["steps"])),
            seed=int(replicate["seed"]),
            seeds=int(row["n_replicates"]) + int(confirmed_medians(folder)["seeds"].get(trial, 0)),
            study=record.name,
            trial=trial,
            git_commit=record.git.get("commit"),
            git_dirty=record.git.get("dirty"),
            libraries=record.versions,
            hardware=record.hardware,
        ),
        kl=list(replicate["kl_per_latent"]),
        claimed=claimed,
        evaluate=lambda exported: _evaluate(exported, dataset, record, claimed),
        title=f"{name}, trial {trial} of {record.name}",
        description=f"{row.get('objective', '')} on {dataset.name} ({dataset.source})".strip(),
    )


def _evaluate(exported: Model, dataset: Dataset, record: StudyRecord, claimed: Mapping[str, float]) -> dict[str, float]:
    """Everything that takes seconds on the validation images, and the searched metrics on the test images.

    What these pictures are too few for is left out: no metric beyond the claimed ones may keep a model from being published.
    """
    common: dict[str, Any] = {"points": record.budget.points, "config": exported.manifest.model, "seed": record.seed}
    searched = [metric for metric in record.metrics if metric in claimed]
    values = evaluate_codec(exported, dataset, metrics=list(claimed), extra=possible(dataset), part="validation", **common).values
    tested = evaluate_codec(exported, dataset, metrics=[], extra=searched, part="test", **common).values
    return {**values, **{f"test_{key}": value for key, value in tested.items()}}


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))
