"""The trained models of a study's trials, for looking at: codec, data set, KL of its latents.

A study keeps every trial's model in its own folder, published or not; of several seeds the one nearest the trial's medians is
taken, as publishing does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.codec import Codec, TorchCodec
from models.errors import UserError
from study.datasets import Dataset, data_folder, load_dataset
from study.records.folder import StudyFolder, model_path
from study.records.winners import typical_replicate

__all__ = ["TrialModel", "open_dataset", "open_trials"]


@dataclass(frozen=True)
class TrialModel:
    """One trial's model.  kl: mean KL of every latent on validation images, nats, (D,)."""

    trial: int
    label: str
    codec: Codec
    kl: NDArray[np.float64]


def open_dataset(folder: StudyFolder, trials: pd.DataFrame, data: Path | None = None) -> Dataset:
    """The data set that these trials of a study were trained on.

    data: the data folder; left out: the one the study used, if it is on this machine.
    Raises `UserError` when it is not the same data any more.
    """
    record = folder.record
    config = json.loads(trials.iloc[0]["config"])
    place = data_folder(data) if data is not None or not Path(record.data).is_dir() else Path(record.data)
    dataset = load_dataset(config["dataset"], place, **config["dataset_options"])
    if dataset.digest != record.dataset["digest"]:
        raise UserError(
            f"{folder.name} was made with {record.dataset['name']} of digest {record.dataset['digest'][:8]}, "
            f"but {place} has {dataset.digest[:8]} ({dataset.source})"
        )
    return dataset


def open_trials(folder: StudyFolder, trials: pd.DataFrame) -> list[TrialModel]:
    """Models of these rows of the trial table, in order; those whose file is gone, or that need a condition, are left out."""
    return [model for row in _records(trials) if (model := _open(folder, row)) is not None]


def _records(trials: pd.DataFrame) -> Iterable[dict[str, object]]:
    return ({str(key): value for key, value in row.items()} for row in trials.to_dict("records"))


def _open(folder: StudyFolder, row: dict[str, object]) -> TrialModel | None:
    from models.checkpoint import load_model

    trial = int(str(row["trial"]))
    replicate = typical_replicate(folder, trial)
    path = model_path(folder.path, str(row["config_digest"]), int(replicate["replicate"]))
    if not path.is_file():
        return None
    model = load_model(path)
    if model.config.condition is not None:
        return None
    kl = np.asarray(replicate["kl_per_latent"], dtype=np.float64)
    return TrialModel(trial, f"trial {trial}: {row['variant']}", TorchCodec(model), kl)
