"""What a value must be read against: the floor that an untrained encoder reaches, and how much the drawn points move it.

    untrained     the metric of a network of the trial's architecture, as it was before its first step
    sampling_sd   of the metric over which images are drawn: sd over five disjoint fifths of the points, / √5

An untrained encoder has a MIG of .001 to .022 on dSprites: a value there says nothing.  Two values nearer than about three
sampling sds are not told apart even for these very models; the spread over seeds comes on top, and is larger.  A fifth has more
bias than the whole, which moves all five alike and does not enter.

Measured once a study, on its best trial of each architecture, and kept in `floor.parquet` in the study's folder: one row an
architecture and metric.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.tables.caveats import PROTOCOL
from analysis.tables.load import Studies
from analysis.tables.trial_models import open_dataset, open_trials
from models.codec import Codec, TorchCodec
from models.errors import UserError
from models.files import write_atomically
from registry.console import progress
from study.config import TrialConfig
from study.datasets import Dataset
from study.evaluate import evaluate_codec
from study.evidence.points import Points
from study.metrics import compute, metric_of, plugins_of, requested
from study.records.folder import StudyFolder
from study.training.run import Run

__all__ = ["FIFTHS", "known_floor", "measure_floor"]

FIFTHS = 5
COLUMNS = ["architecture", "metric", "trial", "value", "untrained", "sampling_sd"]


def known_floor(folder: StudyFolder) -> pd.DataFrame:
    """The rows that were measured; empty where none were."""
    path = folder.path / "floor.parquet"
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=COLUMNS)


def measure_floor(studies: Studies, data: Path | None = None) -> pd.DataFrame:
    """One row an architecture and metric of codes that the one study measured, nothing costlier than seconds; see the module.

    Raises `UserError` when the study kept no models, measured no such metric, or its data are not the same now.
    """
    (folder,) = studies.folders.values()
    known = known_floor(folder)
    if len(known):
        return known
    keys = [key for key in studies.measured if metric_of(key).family == "codes" and metric_of(key).cost != "minutes"]
    best = _best(studies)
    if not keys or best.empty:
        raise UserError(f"a floor is of metrics of codes on usable trials, but {folder.name} has none")
    models = open_trials(folder, best)
    if not models:
        raise UserError(f"{folder.name} kept no models (models/*.vae) to measure a floor beside")
    dataset = open_dataset(folder, best, data)
    rows = []
    for model in progress(models, len(models), "measuring floors"):
        config = TrialConfig.parse(json.loads(str(best.set_index("trial").loc[model.trial, "config"])))
        found = _of(model.codec, _untrained(config, dataset), dataset, keys, folder.record.seed)
        rows += [{"architecture": config.architecture, "trial": model.trial, **row} for row in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_atomically(folder.path / "floor.parquet", table.to_parquet())
    return table


def _best(studies: Studies) -> pd.DataFrame:
    """The usable trial of every architecture that is best in the first searched metric, those of the front first."""
    usable = studies.usable.sort_values(["front", studies.searched[0]], ascending=[False, _rising(studies.searched[0])])
    return usable.drop_duplicates("architecture")


def _rising(key: str) -> bool:
    return metric_of(key).direction == "minimize"


def _untrained(config: TrialConfig, dataset: Dataset) -> Codec:
    """The network of this configuration before its first step."""
    return TorchCodec(Run(config, dataset, seed=0).model)


def _of(codec: Codec, untrained: Codec, dataset: Dataset, keys: Sequence[str], seed: int) -> list[dict[str, object]]:
    whole, floor = (evaluate_codec(each, dataset, metrics=keys, points=PROTOCOL, seed=seed) for each in (codec, untrained))
    encoding = whole.encoding
    assert dataset.factors is not None  # it had these metrics
    parts = np.array_split(np.arange(len(encoding)), FIFTHS)
    spread = [_values(encoding.mu[part], dataset.factors[encoding.rows[part]], keys, seed) for part in parts]
    return [
        {
            "metric": key,
            "value": whole.values[key],
            "untrained": floor.values[key],
            "sampling_sd": float(np.std([values[key] for values in spread], ddof=1) / np.sqrt(FIFTHS)),
        }
        for key in keys
    ]


def _values(mu: np.ndarray, factors: np.ndarray, keys: Sequence[str], seed: int) -> dict[str, float]:
    points = Points(mu, factors, seed)
    return requested(keys, {name: compute(name, points, seed) for name in plugins_of(keys)})
