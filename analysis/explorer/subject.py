"""Which model is explored, and over which pictures: by what a person calls them.

    NAME, NAME@ALIAS, NAME@3   a published model         its files as they are
    path/to/model.vae          a model file              exported here
    STUDY with --trial N       a trial of a study        exported here, of the seed nearest the trial's medians

Pictures come from `--pictures FOLDER`, else from the validation part of the data the model was trained on, else (said in a note)
from the model itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec, TorchCodec
from models.config import VAEConfig
from models.errors import UserError
from models.preprocessing import Preprocessing
from study.datasets import Dataset, data_folder, load_dataset

__all__ = ["Pictures", "Subject", "pictures_of", "published", "saved", "trial"]

LEAST, MOST = 16, 400  # pictures
ROOM = 7 * 2**20  # bytes of networks and pixels: a page stays below 15 MB, runtime and base64 included, where the networks do


@dataclass(frozen=True)
class Subject:
    """A model to explore.  files: encoder.onnx and decoder.onnx; opens: the Python that opens it; training: the configuration
    that it was trained by, where that is known; facts: what is said beside its name."""

    name: str
    codec: Codec
    config: VAEConfig
    files: Mapping[str, bytes]
    preprocessing: Preprocessing
    opens: str
    training: dict[str, Any] | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Pictures:
    """images: uint8 (N, C, H, W).  names (N,).  labels (N,) of a conditional model.  source: what they are called; dataset: where
    they are of one."""

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None = None
    source: str = ""
    dataset: Dataset | None = None


def published(reference: str, registry: Path | None) -> Subject:
    """A model of the registry.  Raises `RegistryError`."""
    from registry import load

    model = load(reference, registry=registry)
    manifest = model.manifest
    lineage = manifest.lineage
    facts = [("trained on", f"{lineage.dataset.name} ({lineage.dataset.source})"), ("budget", f"{lineage.budget.steps:,} steps")]
    facts += [(name, f"{value:.3g}") for name in ("recon", "kl", "mig") if (value := manifest.metrics.get(name)) is not None]
    opens = f"from registry import load\n\nmodel = load({model.name!r})"
    return Subject(
        model.name, model, manifest.model, model.files, manifest.preprocessing, opens, dict(lineage.config) or None, tuple(facts)
    )


def saved(path: Path) -> Subject:
    """A `.vae` file.  Raises `UserError` where it is none."""
    return _torch(path, path.name, None, ())


def trial(study: str, number: int | None) -> Subject:
    """A trial of a study; without a number the first of its front.  Raises `UserError` where there is no model of it."""
    from study.records.folder import StudyFolder, model_path, runs_folder
    from study.records.winners import candidates, front_of, typical_replicate

    folder = StudyFolder.find(study, runs_folder())
    usable = candidates(folder)
    if usable.empty:
        raise UserError(f"{folder.name} has no trial with a usable model")
    number = int(front_of(folder)["trial"].iloc[0]) if number is None else number
    rows = usable[usable["trial"] == number]
    if rows.empty:
        known = ", ".join(str(one) for one in usable["trial"])
        raise UserError(f"trial {number} of {folder.name} has no usable model: choose one of {known}")
    row = rows.iloc[0]
    replicate = typical_replicate(folder, number)
    path = model_path(folder.path, str(row["config_digest"]), int(replicate["replicate"]))
    if not path.is_file():
        raise UserError(f"the model of trial {number} is not in {folder.path} any more: {path.name} is missing")
    facts = [(name, f"{row[name]:.3g}") for name in folder.record.metrics]
    return _torch(path, f"{folder.name}, trial {number}", json.loads(row["config"]), tuple(facts))


def pictures_of(subject: Subject, folder: Path | None, data: Path | None, seed: int = 0) -> tuple[Pictures, list[str]]:
    """At most 400 pictures, fewer where they or the networks are large; and what has to be said about them."""
    left = ROOM - sum(len(data) for data in subject.files.values())
    count = max(LEAST, min(MOST, left // int(np.prod(subject.config.image_shape))))
    if folder is not None:
        return _from_folder(subject, folder, count)
    try:
        dataset = _dataset(subject, data)
    except (UserError, OSError) as problem:
        note = f"The data it was trained on is not here ({problem}); the pictures are the model's own samples"
        return _own(subject, min(count, 100), seed), [note]
    rows = dataset.sample("validation", count, seed)
    return Pictures(dataset.images[rows], _names(dataset, rows), _labels(subject, dataset, rows), dataset.name, dataset), []


def _torch(path: Path, name: str, training: dict[str, Any] | None, facts: tuple[tuple[str, str], ...]) -> Subject:
    from models.checkpoint import load_model
    from registry.export import export_onnx

    vae = load_model(path)
    channels, height, width = vae.config.image_shape
    fitting = Preprocessing(size=(height, width), mode="RGB" if channels == 3 else "L")
    imports = "from models.checkpoint import load_model\nfrom models.codec import TorchCodec"
    opens = f"{imports}\n\nmodel = TorchCodec(load_model({str(path)!r}))"
    return Subject(name, TorchCodec(vae), vae.config, export_onnx(vae), fitting, opens, training, facts)


def _dataset(subject: Subject, data: Path | None) -> Dataset:
    if subject.training is None:
        raise UserError("this model does not say what it was trained on")
    dataset = load_dataset(subject.training["dataset"], data_folder(data), **subject.training.get("dataset_options", {}))
    if dataset.image_shape != subject.config.image_shape:
        raise UserError(f"{dataset.name} has pictures of {dataset.image_shape}, the model takes {subject.config.image_shape}")
    return dataset


def _from_folder(subject: Subject, folder: Path, count: int) -> tuple[Pictures, list[str]]:
    from models.picture_files import walk
    from models.preprocessing import open_picture

    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder of pictures")
    files, bad = walk(folder), 0
    images: list[NDArray[np.uint8]] = []
    names: list[str] = []
    for file in files:
        if len(images) == count:
            break
        try:
            images.append(open_picture(file, subject.preprocessing))
            names.append(file.relative_to(folder).as_posix())
        except UserError:
            bad += 1
    if not images:
        raise UserError(f"{folder} has no readable picture ({len(files)} files)")
    notes = [f"{bad} files of {folder.name} are no readable pictures"] if bad else []
    notes += [f"The first {count} of {len(files)} pictures"] if len(files) - bad > count else []
    labels = None
    if subject.config.condition is not None:
        labels = np.zeros(len(images), np.int64)
        notes.append("The pictures have no labels: they are all shown as the first class")
    return Pictures(np.stack(images), tuple(names), labels, folder.name), notes


def _own(subject: Subject, count: int, seed: int) -> Pictures:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((count, subject.config.latent_dim), dtype=np.float32)
    condition = subject.config.condition
    labels = None if condition is None else np.arange(count, dtype=np.int64) % condition.classes
    pixels = subject.codec.decode(z, labels)
    return Pictures((pixels * 255).round().astype(np.uint8), tuple(f"sample {n}" for n in range(count)), labels, "samples")


def _names(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[str, ...]:
    if dataset.labels is not None:
        return tuple(f"{row} · {dataset.label_names[dataset.labels[row]]}" for row in rows)
    return tuple(str(row) for row in rows)


def _labels(subject: Subject, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    if subject.config.condition is None:
        return None
    if dataset.labels is None:
        raise UserError(f"{subject.name} needs labels, and {dataset.name} has none")
    return dataset.labels[rows]
