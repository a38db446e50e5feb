"""BatchRank on whole models: their benches, all cells that are possible, tidy rows, and all tables of those rows.

What a method, a cell, a twin is: see `study.batchrank`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.ranking.open_model import OpenModel, open_model
from analysis.ranking.whole_paths import QUICK_PATHS, WHOLE_PATHS, path_of
from analysis.tables.method_quality import alarm_table, comparison_table, explanation_table, gain_table, quality_table
from models.codec import Codec, TorchCodec
from models.config import VAEConfig
from models.errors import UserError, unknown
from models.outlier_scores import SCORES
from registry.console import bar
from study.batchrank.bench import CONTROLS, Bench, Ranker, all_methods, standard_cells
from study.batchrank.cells import Cell, Role
from study.batchrank.sample import LOWLEVEL, Sample, lowlevel_dataset, sample_of
from study.datasets import Dataset, Part

__all__ = ["batchrank", "checked_methods", "checked_role", "models_by_dataset", "tables"]

UNTRAINED = "untrained_encoder"
COMMAND = ("folder_features", "folder")
"""The command analysis.rank: where pretrained features are among the methods, with them."""

PARTS: dict[Role, Part] = {"report": "test", "development": "validation"}


def models_by_dataset(references: Sequence[str], dataset: str | None, registry: Path | None) -> dict[str, list[OpenModel]]:
    """The models, by the data set they are measured on: `dataset`, else the one each was trained on.

    Raises `UserError` for a model that does not say what it was trained on where `dataset` does not, either.
    """
    found: dict[str, list[OpenModel]] = {}
    for model in [open_model(reference, registry) for reference in references]:
        name = dataset or model.dataset
        if name is None:
            raise UserError(f"--dataset must say what {model.name} was trained on: a model file does not")
        found.setdefault(name, []).append(model)
    return found


def checked_methods(names: str | None) -> list[str]:
    """Comma-separated methods; None: all but those that train or look with a network.  Raises `UserError` for an unknown one."""
    chosen = [*all_methods(), *QUICK_PATHS] if names is None else names.split(",")
    for method in chosen:
        if method not in (*CONTROLS, *WHOLE_PATHS):
            SCORES.load(method)
    return chosen


def checked_role(name: str) -> Role:
    """Raises `UserError` for what is neither."""
    for role in PARTS:
        if role == name:
            return role
    raise unknown("role", name, PARTS)


def batchrank(
    models: Sequence[OpenModel],
    dataset: Dataset,
    methods: Sequence[str],
    batches: int = 100,
    points: int = 40_000,
    role: Role = "report",
    foreign: Dataset | None = None,
    registry: Path | None = None,
) -> pd.DataFrame:
    """Tidy rows of all models: factor or class cells, then low-level cells."""
    rankers = {method: path_of(method, registry) for method in methods if method in WHOLE_PATHS}
    rows: list[dict[str, Any]] = []
    with bar() as progress:
        for number, model in enumerate(models):
            for bench in _benches(model, dataset, methods, points, role, foreign, rankers):
                cells = [cell for cell in standard_cells(list(bench.sample.subjects)) if _possible(bench.sample, cell)]
                task = progress.add_task(f"{model.name}, {bench.sample.encoding.dataset.name}", total=len(cells))
                for cell in cells:
                    found = bench.run([cell], methods, batches)
                    rows += [{"model": f"{number} {model.name}", "subject": cell.subject, **row} for row in found]
                    progress.advance(task)
    if not rows:
        raise UserError(f"no cell is possible: {dataset.name} has too few pictures of every value among {points}")
    return pd.DataFrame(rows)


def tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables by title."""
    odd = rows[rows.auroc.notna()]
    content = odd[odd.subject != LOWLEVEL] if (odd.subject != LOWLEVEL).any() else odd
    found = {
        "AUROC": quality_table(odd, "auroc"),
        "average precision above chance": quality_table(odd, "ap"),
        "first picture is odd": quality_table(odd, "hit"),
        "the default against the others, AUROC without low-level cells": comparison_table(content, "auroc"),
        "the default against the others, average precision without low-level cells": comparison_table(content, "ap"),
        "context gain of the default": gain_table(odd),
        "explanations": explanation_table(odd),
        "clean batches and found pictures": alarm_table(rows),
    }
    for command in [name for name in COMMAND if name in set(rows.method)][:1]:
        found[f"{command}, the command analysis.rank, against the others, AUROC"] = comparison_table(odd, "auroc", command)
        found["clean batches and found pictures, analysis.rank"] = alarm_table(rows, command)
    return found


def _benches(
    model: OpenModel,
    dataset: Dataset,
    methods: Sequence[str],
    points: int,
    role: Role,
    foreign: Dataset | None,
    rankers: Mapping[str, Ranker],
) -> list[Bench]:
    """One for the data set's own subjects, where it has any, and one for damage."""
    wanted: list[tuple[Dataset, Part]] = [(lowlevel_dataset(dataset, foreign, PARTS[role]), "test")]
    if dataset.factors is not None or dataset.labels is not None:
        wanted.insert(0, (dataset, PARTS[role]))
    benches = []
    for data, part in wanted:
        sample = sample_of(model.codec, model.config, data, role, part, points)
        twin = sample_of(_untrained(model.config), model.config, data, role, part, points) if UNTRAINED in methods else None
        benches.append(Bench(sample, twin, rankers=rankers))
    return benches


def _untrained(config: VAEConfig) -> Codec:
    """The same network before training."""
    import torch

    from models.vae import VAE

    torch.manual_seed(0)
    return TorchCodec(VAE(config))


def _possible(sample: Sample, cell: Cell) -> bool:
    return sample.subjects[cell.subject].smallest_pool() >= cell.n - cell.odd
