"""Winners become registry versions: `python -m study.publish STUDY --trial N | --pareto | --best METRIC [--where …]`.

A published model is one trained network, so its metrics are its own: of a trial with several seeds the replicate nearest the
medians is taken, not the luckiest.  All metrics are computed again from the exported ONNX files, on the same validation images;
`test_…` are the searched ones on images that played no part in choosing.

`candidate` goes to the model nearest the ideal point of the front.  `champion` moves only to a model that dominates the present
one in the searched metrics at the same data digest, budget class and number of seeds, or by hand (`python -m registry promote`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from models.checkpoint import load_model
from models.codec import Codec
from models.errors import UserError
from registry.console import command_line, run
from registry.manifest import Budget, DatasetRecord, Lineage
from registry.place import registry_folder
from registry.store import Store, Version
from study.batchrank.agreement import check_agreement
from study.config import TrialConfig
from study.dataset import Dataset
from study.datasets import load_dataset
from study.evaluate import EVALUATOR, evaluate_codec, possible
from study.folder import StudyFolder, model_path, runs_folder
from study.metrics import direction
from study.pareto import nearest_ideal, pareto_front
from study.publication import PARITY_IMAGES, move_aliases, preprocessing_of, sheets, told
from study.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from registry.inference import Model

__all__ = ["MOST", "best_trials", "candidates", "front_of", "publish_trials", "typical_replicate"]

MOST = 5  # Pareto models published by a run
CONDITION = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>|==)\s*(-?[\d.]+(?:[eE][+-]?\d+)?)\s*")


def candidates(folder: StudyFolder) -> pd.DataFrame:
    """The trials that have a usable model: complete, with every searched metric."""
    table = read_table(folder, "trials")
    metrics = list(folder.record.metrics)
    if table.empty or not set(metrics) <= set(table.columns):
        return table.iloc[:0]
    usable = table["status"].isin(["complete", "stopped"]) & table[metrics].notna().all(axis=1)
    return table[usable].reset_index(drop=True)


def front_of(folder: StudyFolder) -> pd.DataFrame:
    """The Pareto front over the searched metrics, best first metric first."""
    table, record = candidates(folder), folder.record
    if table.empty:
        return table
    return table.iloc[pareto_front(table[list(record.metrics)].to_numpy(), record.directions)]


def best_trials(folder: StudyFolder, metric: str, where: str | None = None) -> pd.DataFrame:
    """The best trial in `metric` among those that fulfil `where`, e.g. "recon <= 60, mig > 0.1".

    Raises `UserError` for an unknown metric, a condition that cannot be read, or one that no trial fulfils.
    """
    table = candidates(folder)
    for name, operator, value in _conditions(where):
        column = _column(table, name)
        compare = {"<=": column.le, ">=": column.ge, "<": column.lt, ">": column.gt, "==": column.eq}[operator]
        table = table[compare(value)]
    if table.empty:
        raise UserError(
            f"no finished trial of {folder.name} fulfils {where!r}" if where else f"{folder.name} has no finished trial"
        )
    best = _column(table, metric).idxmin() if direction(metric) == "minimize" else _column(table, metric).idxmax()
    return table.loc[[best]]


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


def typical_replicate(folder: StudyFolder, trial: int) -> dict[str, Any]:
    """The replicate nearest the trial's medians, each metric scaled by its spread."""
    table = read_table(folder, "replicates")
    rows = table[(table["trial"] == trial) & table["status"].isin(["complete", "stopped"])].reset_index(drop=True)
    values = rows[list(folder.record.metrics)].to_numpy(dtype=float)
    spread = np.where(np.ptp(values, axis=0) > 0, np.ptp(values, axis=0), 1.0)
    distance = np.abs((values - np.median(values, axis=0)) / spread).sum(axis=1)
    return {str(key): value for key, value in rows.iloc[int(np.argmin(distance))].items()}


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    numbers = [str(column) for column in table.select_dtypes("number").columns if column not in ("trial", "retry_of")]
    if name not in numbers:
        raise UserError(f"unknown metric {name!r}: this study has {', '.join(numbers)}")
    return table[name]


def _conditions(where: str | None) -> list[tuple[str, str, float]]:
    found = []
    for part in re.split(r",|\band\b", where or ""):
        if not part.strip():
            continue
        match = CONDITION.fullmatch(part)
        if match is None:
            raise UserError(f'a condition reads like "recon <= 60", joined by commas, but got {part.strip()!r}')
        found.append((match[1], match[2], float(match[3])))
    return found


app = command_line("Publish models of a finished study as registry versions, checked on their exported files.")


@app.command()
def main(
    study: Annotated[str, typer.Argument(help="A study's name under runs/, or its path.")],
    trial: Annotated[int | None, typer.Option(min=0, help="This trial.")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help=f"The Pareto front, at most {MOST}.")] = False,
    best: Annotated[str | None, typer.Option(metavar="METRIC", help="The best trial in this metric.")] = None,
    where: Annotated[
        str | None, typer.Option(help='Only trials that fulfil this, e.g. "recon <= 60, mig > 0.1" (with --best).')
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name (default: the space's).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of all studies (default: runs, or $VAE_RUNS).")] = None,
    registry: Annotated[Path | None, typer.Option(help="Model store (default: runs/_registry, or $VAE_REGISTRY).")] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON list of {name, version, trial, digest} on standard output.")
    ] = False,
) -> None:
    """Publish a trial, the Pareto front, or the best trial under a condition."""
    if sum((trial is not None, pareto, best is not None)) != 1:
        raise UserError("give exactly one of --trial N, --pareto, --best METRIC")
    if where is not None and best is None:
        raise UserError("--where goes with --best METRIC")
    folder = StudyFolder.find(study, runs_folder(out))
    if trial is not None:
        chosen = _trial(folder, trial)
    elif best is not None:
        chosen = best_trials(folder, best, where)
    else:
        chosen = front_of(folder).head(MOST)
    versions = publish_trials(folder, chosen, Store(registry_folder(registry)), name, aliases=pareto)
    if json_:
        rows = [{"name": v.name, "version": v.number, "trial": v.manifest.lineage.trial, "digest": v.digest} for v in versions]
        print(json.dumps(rows, indent=2))
        return
    for version in versions:
        print(f"trial {version.manifest.lineage.trial} is {version.name} version {version.number}  {version.digest[:19]}")
    if not versions:
        print(f"{folder.name} has no finished trial to publish")


def _trial(folder: StudyFolder, number: int) -> pd.DataFrame:
    table = candidates(folder)
    if number not in set(table.get("trial", [])):
        usable = ", ".join(str(int(n)) for n in table.get("trial", [])) or "none"
        raise UserError(f"trial {number} of {folder.name} has no usable model; trials that have: {usable}")
    return table[table["trial"] == number]


if __name__ == "__main__":
    run(app)
