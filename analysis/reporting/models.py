"""The models themselves: what the Pareto models reconstruct, what their latents do, what each latent knows, where they are."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.figures.information_matrix import information_matrix, information_table
from analysis.figures.model_sheets import reconstruction_sheet, traversal_sheet
from analysis.reporting.parts import Picture, Section, Table, picture, sheet
from analysis.tables.load import Studies, shown_name
from analysis.tables.names import number
from analysis.tables.trial_models import TrialModel, open_dataset, open_trials
from models.errors import UserError
from registry.errors import RegistryError
from registry.place import registry_folder
from registry.store import Store
from registry.views import Filter, listing
from study.datasets import Dataset

__all__ = ["models", "published"]

MOST = 3  # models side by side
IMAGES = 12
POINTS = 5_000  # images behind the information matrix


def models(studies: Studies, front: pd.DataFrame, data: Path | None) -> Section:
    """Sheets of up to three Pareto models; where models or data are gone, the sheets that the study drew when it ended."""
    (folder,) = studies.folders.values()
    lead: list[str] = []
    try:
        opened = open_trials(folder, front.head(MOST)) if len(front) else []
        dataset = open_dataset(folder, front, data) if opened else None
    except (UserError, OSError) as problem:
        opened, dataset = [], None
        lead.append(f"The models cannot be drawn here: {problem}.")
    if dataset is None:
        kept = sorted((folder.path / "figures").glob("trial-*.png"))
        told = "; these are the sheets drawn when it ended" if kept else ""
        lead = lead or [f"The trained models are not in this study's folder{told}."]
        return Section("The models", lead, pictures=[_kept(path) for path in kept])
    lead.append(f"The first {len(opened)} models of the front, on validation images of {dataset.name} ({dataset.source}).")
    return Section("The models", lead, pictures=[*_sheets(opened, dataset), *_information(opened, dataset)])


def published(studies: Studies, registry: Path | None) -> Section | None:
    """The registry's versions that came from this study, with the code that loads one; None where there are none."""
    ((name, folder),) = studies.folders.items()
    try:
        rows, _ = listing(Store(registry_folder(registry)), Filter(study=studies.records[name].name))
    except (RegistryError, OSError):
        rows = []
    commands = [("publish the whole front", f"python -m study.publish {shown_name(folder)} --pareto")]
    if not rows:
        return Section("In the registry", ["None of these models is in the registry."], commands=commands)
    keys = [key for key in (*studies.records[name].metrics, "kl") if any(row["metrics"].get(key) is not None for row in rows)]
    cells = [
        [row["name"], str(row["version"]), ", ".join(row["aliases"]), str(row["trial"]), f"n = {row['seeds']}"]
        + [number(row["metrics"].get(key), 4) for key in keys]
        for row in rows
    ]
    columns = ["model", "version", "aliases", "trial", "seeds", *keys]
    table = Table("Published, metrics recomputed from the ONNX files", columns, cells, left=("model", "aliases"))
    first = f"{rows[0]['name']}@{rows[0]['version']}"
    use = ("use one", f"python -c \"from registry import load; print(load('{first}'))\"")
    return Section("In the registry", tables=[table], commands=[use])


def _sheets(opened: list[TrialModel], dataset: Dataset) -> list[Picture]:
    rows = dataset.sample("validation", IMAGES, seed=0)
    images = dataset.images[rows]
    return [
        sheet(lambda: reconstruction_sheet(opened, images), "Reconstructions from the posterior mean."),
        sheet(
            lambda: traversal_sheet(opened, images[0], steps=7 if len(opened) < MOST else 5),
            "Traversals: each latent from −2.5 to 2.5 standard deviations of the prior, the others as encoded; by falling KL.",
        ),
    ]


def _information(opened: list[TrialModel], dataset: Dataset) -> list[Picture]:
    if dataset.factors is None:
        return []
    rows = dataset.sample("validation", POINTS, seed=0)
    factors, images = dataset.factors[rows], dataset.images[rows]
    tables = [(each, information_table(each.codec.encode(images)[0], factors, dataset.factor_names)) for each in opened]
    return [
        picture(
            lambda ax, table=table, model=model: information_matrix(table, model.label, ax=ax),
            f"What each latent of trial {model.trial} knows about each factor.",
            size=(2.2 + 0.62 * table.shape[1], 1.4 + 0.27 * table.shape[0]),
        )
        for model, table in tables
    ]


def _kept(path: Path) -> Picture:
    """A PNG that the study drew, inside the page."""
    import base64

    encoded = base64.b64encode(path.read_bytes()).decode()
    caption = path.stem.replace("-", " ")
    return Picture(f'<img src="data:image/png;base64,{encoded}" alt="{caption}">', f"{caption}.", caption)
