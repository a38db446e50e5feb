"""Studies and the registry as tidy pandas tables.

    trials       one row a trial: what the study wrote (`study.records.tables`), and
                 study       which study it belongs to
                 variant     kind of objective and schedule, e.g. "capacity, γ decay"
                 usable      it has a model and all searched metrics: complete, or stopped early
                 dataset     name of its data set
                 terms       data and budget; only values on the same terms compare
                 front       on the Pareto front of the searched metrics on its terms
    replicates   one row a trained seed, with the trial's study, variant and terms
    histories    one row a report of a training: losses, KL per latent, β, γ, C
    metrics      one row a metric key that occurs: name, unit, direction, low, high (of its range), searched

Losses and KL are in nats per image.  What a trial does not have is NaN, never zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.tables.names import find_metric, metric_name, ordered, variant_of
from models.errors import UserError
from registry.place import open_store
from registry.views import Filter, listing
from study.records.columns import TRIAL, facts
from study.records.folder import StudyFolder, StudyRecord, runs_folder
from study.records.outcome import usable_rows
from study.records.pareto import pareto_front
from study.records.tables import read_table

__all__ = ["EXAMPLE", "Studies", "directions_of", "groups", "home", "knobs", "load_registry", "load_study", "shown_name"]

EXAMPLE = Path(__file__).parents[1] / "example"
ADDED = ("study", "variant", "usable", "dataset", "terms", "front")
"""The columns that analysis adds to a trial's own: no knob may have such a name."""


@dataclass(frozen=True)
class Studies:
    """One or several studies' tables, see the module.  `folders`: {name: folder}."""

    trials: pd.DataFrame
    replicates: pd.DataFrame
    histories: pd.DataFrame
    folders: dict[str, StudyFolder]

    @property
    def records(self) -> dict[str, StudyRecord]:
        return {name: folder.record for name, folder in self.folders.items()}

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """What every metric key in these tables means; searched ones first."""
        searched = [key for record in self.records.values() for key in record.metrics]
        keys = dict.fromkeys([*searched, *(str(column) for column in self.trials.columns)])
        rows = [_metric_row(key, key in searched) for key in keys if find_metric(key)]
        columns = ["metric", "name", "unit", "direction", "low", "high", "searched"]
        return pd.DataFrame(rows, columns=columns).set_index("metric")

    @cached_property
    def measured(self) -> list[str]:
        """Metrics that at least one usable trial has; searched ones first."""
        usable = self.usable
        return [key for key in self.metrics.index if key in usable.columns and usable[key].notna().any()]

    @property
    def searched(self) -> list[str]:
        """Metrics that every one of the studies searched."""
        return [key for key in self.metrics.index if all(key in record.metrics for record in self.records.values())]

    @cached_property
    def usable(self) -> pd.DataFrame:
        """The trials that have a model and all the metrics their study searched."""
        return self.trials[self.trials["usable"]].reset_index(drop=True)

    @property
    def distinct(self) -> pd.DataFrame:
        """The usable trials, each trained model once: studies of one space and seed begin with the same trials."""
        usable = self.usable
        seeds = usable["study"].map({name: record.seed for name, record in self.records.items()})
        return usable[~usable.assign(root_seed=seeds).duplicated(["config_digest", "root_seed"])].reset_index(drop=True)

    @property
    def terms(self) -> list[str]:
        """Data and budgets of these studies; more than one cannot be compared."""
        return list(dict.fromkeys(_terms_of(record) for record in self.records.values()))

    def one(self, column: str = "study") -> str:
        """The value of a column that has only one, or all of them in words: for captions."""
        return ", ".join(str(value) for value in pd.unique(self.trials[column].dropna()))


def load_study(*studies: str | Path, runs: str | Path | None = None) -> Studies:
    """Tables of one or several studies, each a name under `runs` or a path; "example" is the one in this package.

    Raises `UserError` for what is not a study, the same study twice, or none at all.
    """
    if not studies:
        raise UserError("name at least one study")
    folders: dict[str, StudyFolder] = {}
    for study in studies:
        folder = _find(str(study), runs_folder(runs))
        if any(folder.path == other.path for other in folders.values()):
            raise UserError(f"each study must be named once, but got {study} twice")
        folders[_free_name(folder, folders)] = folder
    tables = {table: _together(folders, table) for table in ("trials", "replicates", "history")}
    trials = _with_front(_tidy(tables["trials"], folders), folders)
    shared = trials[["study", "trial", "variant", "terms"]]
    return Studies(
        trials=trials,
        replicates=_join(tables["replicates"], shared),
        histories=_join(tables["history"], shared),
        folders=folders,
    )


def load_registry(registry: str | Path | None = None) -> pd.DataFrame:
    """One row a version of the model store: name, version, aliases, dataset, study, trial, seeds, created, digest, metrics."""
    rows, _ = listing(open_store(registry), Filter())
    flat = [{**{key: value for key, value in row.items() if key != "metrics"}, **row["metrics"]} for row in rows]
    return pd.DataFrame(flat, columns=None if flat else ["name", "version", "aliases", "study", "trial"])


def home(folder: StudyFolder) -> Path:
    """Where commands write what they make of a study: its own folder; for the example, which is part of the package, runs/."""
    return runs_folder() / EXAMPLE.name if folder.path == EXAMPLE else folder.path


def shown_name(folder: StudyFolder) -> str:
    """How a person names this study on the command line: by name in the default place, else by path."""
    return folder.name if folder.path == EXAMPLE or folder.path.parent == runs_folder() else str(folder.path)


def knobs(trials: pd.DataFrame) -> list[str]:
    """The columns that are knobs of the search and that took at least two values."""
    known = {*facts(TRIAL), *ADDED}
    found = [str(column) for column in trials.columns if column not in known and find_metric(str(column)) is None]
    return [column for column in found if trials[column].nunique(dropna=True) > 1]


def _find(study: str, runs: Path) -> StudyFolder:
    if study == EXAMPLE.name and not (runs / study / "study.json").is_file():
        return StudyFolder(EXAMPLE)
    return StudyFolder.find(study, runs)


def _free_name(folder: StudyFolder, taken: dict[str, StudyFolder]) -> str:
    """The study's name; with its parent folder's where two studies share it."""
    return folder.name if folder.name not in taken else str(folder.path.relative_to(folder.path.parents[1]))


def _together(folders: dict[str, StudyFolder], table: str) -> pd.DataFrame:
    parts = [read_table(folder, table).assign(study=name) for name, folder in folders.items()]
    parts = [part for part in parts if not part.empty]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["study", "trial", "replicate"])


def _tidy(trials: pd.DataFrame, folders: dict[str, StudyFolder]) -> pd.DataFrame:
    """The trial table with the columns that analysis adds."""
    for column in ("status", "state", "reason", "config", "n_replicates"):
        if column not in trials.columns:
            trials[column] = None
    configs = [json.loads(text) if isinstance(text, str) else {} for text in trials["config"]]
    for column in ("objective", "architecture", "latent_dim"):
        told = trials[column] if column in trials.columns else [None] * len(trials)
        trials[column] = [config.get(column, knob) for config, knob in zip(configs, told, strict=True)]
    if "learning_rate" not in trials.columns:
        trials["learning_rate"] = [config.get("training", {}).get("learning_rate") for config in configs]
    trials["latent_dim"] = pd.to_numeric(trials["latent_dim"])
    trials["variant"] = [variant_of(config["objective"], config["objective_options"]) if config else None for config in configs]
    trials["dataset"] = [folders[name].record.dataset["name"] for name in trials["study"]]
    trials["terms"] = [_terms_of(folders[name].record) for name in trials["study"]]
    groups = [usable_rows(rows, folders[str(name)].record.metrics) for name, rows in trials.groupby("study")]
    trials["usable"] = pd.concat(groups).reindex(trials.index) if groups else pd.Series(dtype=bool)
    return trials


def _with_front(trials: pd.DataFrame, folders: dict[str, StudyFolder]) -> pd.DataFrame:
    """Marks the front of all terms, over the metrics that all its studies searched."""
    trials["front"] = False
    for _, group in trials[trials["usable"]].groupby("terms"):
        records = [folders[name].record for name in pd.unique(group["study"])]
        keys = [key for key in records[0].metrics if all(key in record.metrics for record in records)]
        if keys:
            directions = [_metric_row(key, True)["direction"] for key in keys]
            trials.loc[group.index[pareto_front(group[keys].to_numpy(), directions)], "front"] = True
    return trials


def _join(table: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    return table.merge(shared, on=["study", "trial"], how="left")


def _terms_of(record: StudyRecord) -> str:
    """Data and budget in words.  Two records with the same words can be compared."""
    digest, source = record.dataset["digest"][:8], record.dataset["source"]
    return f"{record.dataset['name']} ({source}, {digest}), {record.budget.steps:,} steps, {record.budget.points:,} points"


def _metric_row(key: str, searched: bool) -> dict[str, Any]:
    metric = find_metric(key)
    assert metric is not None, key
    low, high = metric.range
    fields = {"unit": metric.unit, "direction": metric.direction, "low": low, "high": high, "searched": searched}
    return {"metric": key, "name": metric_name(key)} | fields


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The table's rows by the value of a text column, variants in the order of legends; rows without a value are left out."""
    values = [str(value) for value in pd.unique(table[column].dropna())]
    for value in ordered(values) if column == "variant" else values:
        yield value, table[table[column] == value]


def directions_of(keys: Sequence[str]) -> list[str]:
    """ "minimize" or "maximize" of every key."""
    return [str(_metric_row(key, False)["direction"]) for key in keys]
