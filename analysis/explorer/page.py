"""One HTML page: the networks, the pictures and their codes as data, the scripts that turn them into a workshop.

Everything is inside; the page asks for nothing, and works from `file://`.  Arrays travel as gzip and base64.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from analysis.explorer.activations import with_activations
from analysis.explorer.batch import UNUSED, Batch, describe
from analysis.explorer.runtime import embedded, runtime
from analysis.explorer.subject import Pictures, Subject

__all__ = ["SCRIPTS", "explorer_page"]

FOLDER = Path(__file__).parent
SCRIPTS = ("data", "networks", "draw", "state", "sliders", "map", "morph", "sample", "odd", "layers", "bring", "main")
"""The page's own scripts, `*.js`, in the order in which they are read: one module together."""


def explorer_page(subject: Subject, pictures: Pictures, notes: list[str]) -> str:
    """The whole page."""
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    batch = describe(subject, pictures)
    return environment.get_template("explore.html").render(
        title=subject.name,
        facts=[*subject.facts, ("pictures", f"{len(pictures.images)} of {pictures.source}")],
        notes=notes,
        height=subject.config.image_shape[1],
        width=subject.config.image_shape[2],
        conditional=subject.config.condition is not None,
        data=json.dumps(_document(subject, pictures, batch)).replace("<", "\\u003c"),
        script="\n".join((FOLDER / f"{name}.js").read_text() for name in SCRIPTS),
    )


def _document(subject: Subject, pictures: Pictures, batch: Batch) -> dict[str, Any]:
    config, dataset = subject.config, pictures.dataset
    classes = 0 if config.condition is None else config.condition.classes
    encoder, layers = with_activations(subject.files["encoder.onnx"])
    names = dataset.label_names if dataset is not None and len(dataset.label_names) == classes else ()
    return {
        "name": subject.name,
        "opens": subject.opens,
        "shape": config.image_shape,
        "latents": config.latent_dim,
        "classes": list(names) or [str(number) for number in range(classes)],
        "preprocessing": subject.preprocessing.model_dump(mode="json"),
        "runtime": runtime(),
        "networks": {"encoder": embedded(encoder), "decoder": embedded(subject.files["decoder.onnx"])},
        "layers": layers,
        "pictures": {
            "pixels": embedded(np.ascontiguousarray(pictures.images).tobytes()),
            "names": pictures.names,
            "labels": None if pictures.labels is None else pictures.labels.tolist(),
        },
        "mu": _packed(batch.mu),
        "logvar": _packed(batch.logvar),
        "errors": _packed(batch.errors),
        "kl": [round(float(value), 4) for value in batch.kl],
        "unused": [bool(value) for value in batch.kl < UNUSED],
        "factors": batch.factors,
        "plane": {"centre": _packed(batch.centre), "directions": _packed(batch.directions)},
        "share": batch.share.round(3).tolist(),
    }


def _packed(values: NDArray[np.floating]) -> str:
    return embedded(values.astype("<f4").tobytes())
