"""Metrics that a study did not record, measured on the models that it kept.

They are remembered in `measured.parquet` in the study's folder, one row a trial, so that a second question costs nothing.  The
study's own tables are derived from its journal and never edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from analysis.tables.load import Studies
from analysis.tables.trial_models import TrialModel, open_dataset, open_trials
from models.errors import UserError
from models.files import write_atomically
from registry.console import progress
from study.datasets import Dataset
from study.evaluate import evaluate_codec
from study.metrics import metric_of
from study.records.folder import StudyFolder

__all__ = ["POINTS", "measure"]

POINTS = 10_000
"""Validation images: MIG's protocol, and enough of every factor value for BatchRank's batches."""


def measure(studies: Studies, metrics: Sequence[str], data: Path | None = None) -> Studies:
    """The same studies; their usable trials have these metrics (plug-in names or keys) as columns, where a model was kept.

    What a study recorded stays as recorded.  Raises `UserError` when no study kept a model, or its data are not the same now.
    """
    found = pd.concat([_of_study(studies, name, folder, metrics, data) for name, folder in studies.folders.items()])
    if found.empty:
        raise UserError(f"{', '.join(studies.folders)} kept no models (models/*.vae) to measure {', '.join(metrics)} on")
    trials = studies.trials.set_index(["study", "trial"])
    filled = trials.combine_first(found.set_index(["study", "trial"])).loc[trials.index]
    columns = [*trials.columns, *(column for column in filled.columns if column not in trials.columns)]
    trials = filled[columns].reset_index()
    return replace(studies, trials=trials)


def _of_study(studies: Studies, name: str, folder: StudyFolder, metrics: Sequence[str], data: Path | None) -> pd.DataFrame:
    usable = studies.usable[studies.usable["study"] == name]
    path = folder.path / "measured.parquet"
    known = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"trial": []})
    if set(usable["trial"]) <= set(known["trial"]) and _keys(metrics) <= set(known.columns):
        return known.assign(study=name)
    models = open_trials(folder, usable) if (folder.path / "models").is_dir() else []
    if not models:
        return pd.DataFrame({"study": [], "trial": []})
    rows = pd.DataFrame(list(_rows(models, open_dataset(folder, usable, data), metrics, folder.record.seed)))
    table = rows.set_index("trial").combine_first(known.set_index("trial")).reset_index()
    write_atomically(path, table.to_parquet())
    return table.assign(study=name)


def _keys(metrics: Sequence[str]) -> set[str]:
    """The columns that these plug-in names or keys stand for."""
    return {key for name in metrics for key in metric_of(name).keys if key == name or name not in metric_of(name).keys}


def _rows(models: Sequence[TrialModel], dataset: Dataset, metrics: Sequence[str], seed: int) -> Iterator[dict[str, float]]:
    for model in progress(models, len(models), "measuring"):
        evaluation = evaluate_codec(model.codec, dataset, metrics=metrics, points=POINTS, seed=seed)
        yield {"trial": model.trial, **evaluation.values}
