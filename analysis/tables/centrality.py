"""ModelCentrality over the models of one study: who agrees with whom, and which model is in their middle.

Every trial's model draws pictures, every other one says which latent was held (`study.metrics.model_centrality`).  What was asked
is kept in `agreements.parquet` in the study's folder, one row an encoder and a generator: `encoder`, `generator` (trials),
`share` (A_ij), `latents` (of the generator).  When trials came later all are asked again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.tables.load import Studies
from analysis.tables.statistics import LEAST_CANDIDATES, selection
from analysis.tables.trial_models import open_trials
from models.errors import UserError
from models.files import write_atomically
from registry.console import progress
from study.metrics import metric_of
from study.metrics.model_centrality import above_chance, agreements, model_centrality
from study.records.folder import StudyFolder

__all__ = ["centrality_table", "judged", "measure_agreements"]

COLUMNS = ["encoder", "generator", "share", "latents"]


def measure_agreements(studies: Studies) -> pd.DataFrame:
    """A as a long table, of all usable trials of the one study whose models are there.

    Raises `UserError` for fewer than two models without a condition.
    """
    (folder,) = studies.folders.values()
    path = folder.path / "agreements.parquet"
    known = pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=COLUMNS)
    trials = set(studies.usable["trial"])
    if len(known) and trials <= set(known["encoder"]):
        return known[known["encoder"].isin(trials) & known["generator"].isin(trials)]
    found = _asked(folder, studies.usable)
    write_atomically(path, found.to_parquet())
    return found


def _asked(folder: StudyFolder, usable: pd.DataFrame) -> pd.DataFrame:
    models = open_trials(folder, usable) if (folder.path / "models").is_dir() else []
    if len(models) < 2:
        raise UserError(f"ModelCentrality compares at least 2 models, but {folder.name} kept {len(models)} (models/*.vae)")
    latents = [len(model.kl) for model in models]
    columns = agreements([model.codec for model in models], latents, folder.record.seed)
    rows = [
        {"encoder": model.trial, "generator": generator.trial, "share": share, "latents": len(generator.kl)}
        for generator, column in zip(models, progress(columns, len(models), "comparing models"), strict=True)
        for model, share in zip(models, column, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def centrality_table(studies: Studies, shares: pd.DataFrame) -> pd.DataFrame:
    """A row a trial, the most central above chance first: trial, variant, latents, `model_centrality`, `model_centrality_kappa`,
    and the metrics of codes that the study measured."""
    wide = shares.pivot_table(index="encoder", columns="generator", values="share")
    latents = shares.drop_duplicates("generator").set_index("generator")["latents"].loc[wide.columns].tolist()
    matrix = wide.to_numpy(dtype=np.float64)
    found = pd.DataFrame({
        "trial": wide.index,
        "latents": latents,
        "model_centrality": model_centrality(matrix),
        "model_centrality_kappa": model_centrality(above_chance(matrix, latents)),
    })  # fmt: skip
    known = studies.usable[["trial", "variant", *_judges(studies)]]
    table = found.merge(known, on="trial").sort_values("model_centrality_kappa", ascending=False, ignore_index=True)
    return table[["trial", "variant", *found.columns[1:], *_judges(studies)]]


def judged(studies: Studies, table: pd.DataFrame) -> pd.DataFrame:
    """What a choice by centrality gives away by each metric that reads factors; see `analysis.tables.statistics.selection`.

    Empty with fewer than three models, or where nothing reads factors.
    """
    judges = [key for key in _judges(studies) if len(table[key].dropna()) >= LEAST_CANDIDATES]
    criteria = ("model_centrality", "model_centrality_kappa")
    directions = {key: metric_of(key).direction for key in (*criteria, *judges)}
    found = [selection(table, criterion, judges, directions).assign(chosen_by=criterion) for criterion in criteria if judges]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _judges(studies: Studies) -> list[str]:
    """Metrics of codes, which read the factors."""
    return [key for key in studies.measured if metric_of(key).family == "codes"]
