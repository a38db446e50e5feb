"""The models of the front: a card a trial with what it redraws, what its latents do and know, and how to publish it.

gallery     the models and pictures behind the cards, opened once; where models or data are gone, the sheets the study drew
cards       `#trial-13`, where links from charts and tables lead
thumbnails  six pictures above their redrawings for every usable trial, shown when a point is pointed at
published   what is in the registry
"""

from __future__ import annotations

import base64
import io
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from analysis.figures.information_matrix import information_matrix, information_table
from analysis.figures.learning_curves import kl_per_latent
from analysis.figures.model_sheets import reconstruction_sheet, traversal_sheet
from analysis.reporting.parts import Card, Picture, Section, Table, picture, sheet
from analysis.tables.load import Studies, knobs, shown_name
from analysis.tables.names import knob_label, metric_name, number
from analysis.tables.trial_models import TrialModel, open_dataset, open_trials
from models.errors import UserError
from registry.errors import RegistryError
from registry.place import open_store
from registry.views import Filter, listing
from study.datasets import Dataset
from study.records.winners import standing_for

__all__ = ["Gallery", "cards", "gallery", "published", "thumbnails"]

MOST = 4  # models drawn large
SMALL = 60  # trials with thumbnails
IMAGES = 8
POINTS = 5_000  # images behind the information matrix


@dataclass(frozen=True)
class Gallery:
    """models: of the front, by trial, at most `MOST`.  dataset: None where models or data are gone; problem: then, why."""

    folder: Path
    models: dict[int, TrialModel]
    dataset: Dataset | None
    problem: str = ""

    def sheets(self, trial: int) -> list[Picture]:
        """What the trial's model redraws and what its latents do; else the sheets that the study kept of it; else nothing."""
        if trial in self.models and self.dataset is not None:
            return _sheets(self.models[trial], self.dataset)
        return [_kept(path) for path in sorted((self.folder / "figures").glob(f"trial-{trial:03d}-*.png"))]


def gallery(studies: Studies, front: pd.DataFrame, data: Path | None) -> Gallery:
    """Opens the front's models (rows of the trial table) and their data set."""
    (folder,) = studies.folders.values()
    try:
        opened = open_trials(folder, standing_for(front, folder.record, MOST)) if len(front) else []
        dataset = open_dataset(folder, front, data) if opened else None
    except (UserError, OSError) as problem:
        return Gallery(folder.path, {}, None, f"The models cannot be drawn here: {problem}.")
    gone = "" if opened else "The trained models are not in this study's folder."
    return Gallery(folder.path, {model.trial: model for model in opened}, dataset, gone)


def cards(studies: Studies, front: pd.DataFrame, found: Gallery) -> Section:
    """A card for each trial of the front."""
    lead = [found.problem] if found.problem else []
    if found.dataset is not None:
        lead.append(f"On validation images of {found.dataset.name} ({found.dataset.source}).")
    return Section("The models of the front", lead, cards=[_card(studies, row, found) for row in front.to_dict("records")])


def thumbnails(studies: Studies, found: Gallery) -> dict[int, str]:
    """Data URIs by trial: six pictures above what its model makes of them."""
    (folder,) = studies.folders.values()
    if found.dataset is None:
        return {}
    images = found.dataset.images[found.dataset.sample("validation", 6, seed=0)]
    opened = open_trials(folder, studies.usable.head(SMALL))
    return {model.trial: _strip(images, model.codec.decode(model.codec.encode(images)[0])) for model in opened}


def published(studies: Studies, registry: Path | None) -> Section | None:
    """The registry's versions that came from this study, with the code that loads one; None where there are none."""
    ((name, folder),) = studies.folders.items()
    try:
        rows, _ = listing(open_store(registry), Filter(study=studies.records[name].name))
    except (RegistryError, OSError):
        rows = []
    commands = [("publish the whole front", f"python -m study.publish {shown_name(folder)} --pareto")]
    if not rows:
        return Section("In the registry", ["None of these models is in the registry."], commands=commands)
    keys = [key for key in (*studies.records[name].metrics, "kl") if any(row["metrics"].get(key) is not None for row in rows)]
    cells = [
        [row["name"], str(row["version"]), ", ".join(row["aliases"]), str(row["trial"]), f"n = {row['seeds']}"]
        + [number(row["metrics"].get(key)) for key in keys]
        for row in rows
    ]
    columns = ["model", "version", "aliases", "trial", "seeds", *keys]
    table = Table("Published, metrics recomputed from the ONNX files", columns, cells, left=("model", "aliases"))
    first = f"{rows[0]['name']}@{rows[0]['version']}"
    use = ("use one", f"python -c \"from registry import load; print(load('{first}'))\"")
    return Section("In the registry", tables=[table], commands=[use])


def _card(studies: Studies, row: dict[Hashable, Any], found: Gallery) -> Card:
    ((_, folder),) = studies.folders.items()
    trial = int(str(row["trial"]))
    measured = [(metric_name(key), number(row[key])) for key in studies.measured if row[key] == row[key]]
    chosen = [(knob_label(knob), number(row[knob])) for knob in knobs(studies.trials) if not pd.isna(row[knob])]
    publish = f"python -m study.publish {shown_name(folder)} --trial {trial}"
    explore = f"python -m analysis.explore {shown_name(folder)} --trial {trial}"
    pictures = [*found.sheets(trial), *_knowledge(studies, trial, found)]
    title = f"Trial {trial}: {row['variant']}"
    return Card(trial, title, [*measured, *chosen], pictures, [("publish it", publish), ("move its latents in a page", explore)])


def _sheets(model: TrialModel, dataset: Dataset) -> list[Picture]:
    images = dataset.images[dataset.sample("validation", IMAGES, seed=0)]
    return [
        sheet(
            lambda: reconstruction_sheet([model], images, names=["redrawn"]),
            "Above: images; below: redrawn from the posterior mean.",
        ),
        sheet(
            lambda: traversal_sheet(model, images[0]),
            "What its latents do to the first image, by falling KL; ▾ marks the image's own value.",
        ),
    ]


def _knowledge(studies: Studies, trial: int, found: Gallery) -> list[Picture]:
    """The KL of its latents over training, and what each knows of each factor."""
    runs = studies.histories
    run = runs[(runs["trial"] == trial) & (runs["replicate"] == 0)] if "trial" in runs.columns else runs
    drawn = (
        [picture(lambda ax: kl_per_latent(run, ax=ax), "KL of every latent over training.", size=(5.0, 2.7))] if len(run) else []
    )
    dataset = found.dataset
    if trial not in found.models or dataset is None or dataset.factors is None:
        return drawn
    rows = dataset.sample("validation", POINTS, seed=0)
    codes = found.models[trial].codec.encode(dataset.images[rows])[0]
    table = information_table(codes, dataset.factors[rows], dataset.factor_names)
    size = (2.2 + 0.62 * table.shape[1], 1.4 + 0.27 * table.shape[0])
    text = "What each latent knows about each factor."
    return [*drawn, picture(lambda ax: information_matrix(table, "", ax=ax), text, size=size)]


def _strip(images: NDArray[np.uint8], redrawn: NDArray[np.float32]) -> str:
    """Two rows of pictures (n, C, H, W) as one small PNG."""
    rows = [images, np.clip(redrawn * 255, 0, 255).round().astype(np.uint8)]
    pixels = np.concatenate([np.concatenate(list(row), axis=-1) for row in rows], axis=-2)
    buffer = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _kept(path: Path) -> Picture:
    """A PNG that the study drew, inside the page."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    caption = path.stem.replace("-", " ")
    return Picture(
        f'<img src="data:image/png;base64,{encoded}" alt="{caption}">', f"{caption}, drawn when the study ended.", caption
    )
