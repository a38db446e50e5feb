"""The figures a recipe may ask for, by name: each takes what a recipe ended with and gives one matplotlib Figure.

The drawing itself is in `study.figures`; here is only which pictures, labels and numbers go in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.codec import TorchCodec
from study.datasets import Dataset
from study.evidence.encoding import Encoding, encode
from study.figures import curves, latents, network, sheets
from study.figures import models as figures
from study.publishing.card import told
from study.recipes import Recipe
from study.reproduction import numpy_figures as from_scratch
from study.reproduction.conditional import wrong_labels
from study.reproduction.sample_quality import SampleQuality
from study.reproduction.training import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Finished"]

POINTS = 5_000
REAL = 1_000


@dataclass(frozen=True)
class Finished:
    """What a recipe ended with.  quality: None where the data has no labels to train a classifier with."""

    name: str
    recipe: Recipe
    dataset: Dataset
    trained: Trained
    quality: SampleQuality | None = field(repr=False)

    @property
    def title(self) -> str:
        """For every figure: which recipe, how long, which data."""
        trained = self.trained
        length = f"{trained.epoch(trained.steps):.3g} epochs"
        kind, _, path = self.dataset.name.partition(":")
        data = f"{kind}:{PurePath(path).name}" if path else kind  # a whole path says too much in a figure
        return f"{self.name}, {length} of {data} ({self.dataset.source}), n = 1 seed"

    @cached_property
    def codec(self) -> TorchCodec:
        """The trained model."""
        return TorchCodec(self.trained.model)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Test images, in random order."""
        return np.random.default_rng(0).permutation(self.dataset.sample("test", POINTS))

    @cached_property
    def encoding(self) -> Encoding:
        """The test images' codes."""
        return encode(self.codec, self.trained.model.config, self.dataset, self.rows)

    def images(self, count: int) -> NDArray[np.uint8]:
        """The first test images."""
        return self.dataset.images[self.rows[:count]]

    def labels(self, count: int) -> NDArray[np.int64] | None:
        """What a conditional model is told about them."""
        return told(self.trained.model.config, self.dataset, self.rows[:count])

    def of_class(self, label: int, count: int) -> NDArray[np.uint8]:
        """Test images of one class."""
        assert self.dataset.labels is not None
        mine = self.rows[self.dataset.labels[self.rows] == label]
        return self.dataset.images[mine[:count]]

    @property
    def moments(self) -> list[str]:
        """The snapshots' epochs as text."""
        return [f"epoch {self.trained.epoch(snapshot.step):.3g}" for snapshot in self.trained.snapshots]


def _losses(o: Finished) -> Figure:
    points = {int(key.split()[-1]): value for key, value in o.recipe.reported.items() if key.startswith("epoch ")}
    done = o.trained.epoch(o.trained.steps)
    return curves.losses(o.trained.history, o.title, {epoch: value for epoch, value in points.items() if epoch <= done + 1e-9})


def _gradients(o: Finished) -> Figure:
    return curves.signals(o.trained.history, o.title)


def _reconstructions(o: Finished) -> Figure:
    return figures.reconstructions(o.codec, o.images(16), o.title, o.labels(16))


def _morphs(o: Finished) -> Figure:
    names = o.dataset.label_names
    pairs = {f"{names[a]} → {names[b]}": (o.of_class(a, 1), o.of_class(b, 1)) for a, b in o.recipe.morphs}
    return sheets.morphs(o.codec, pairs, o.title)


def _samples(o: Finished) -> Figure:
    return sheets.grid(o.trained.snapshots[-1].samples[:100], f"{o.title}: decoded from z ~ N(0, I)")


def _samples_over_training(o: Finished) -> Figure:
    return sheets.over_training(o.moments, [s.samples for s in o.trained.snapshots], f"{o.title}: samples, same z in a column")


def _filters_over_training(o: Finished) -> Figure:
    return sheets.filters_over_training(o.moments, [s.filters for s in o.trained.snapshots], f"{o.title}: first-layer weights")


def _latent_scatter(o: Finished) -> Figure:
    labels = None if o.dataset.labels is None else o.dataset.labels[o.rows]
    names = o.dataset.label_names
    if labels is None and o.dataset.factors is not None:
        labels, names = o.dataset.factors[o.rows, 0], tuple(map(str, range(o.dataset.factor_sizes[0])))
    return latents.scatter(o.encoding.mu, labels, names, f"{o.title}: posterior means of test images")


def _posterior(o: Finished) -> Figure:
    return latents.posterior(o.encoding.mu, o.encoding.logvar, o.title)


def _uncertainty(o: Finished) -> Figure:
    return latents.uncertainty(o.codec, o.images(16), f"{o.title}: decoded from 50 samples of q(z|x)", o.labels(16))


def _traversal(o: Finished) -> Figure:
    kl = o.encoding.kl.mean(axis=0)
    return figures.traversal(o.codec, o.images(1)[0], list(kl), f"{o.title}: one latent a row, −2.5 to 2.5", o.labels(1))


def _latent_plane(o: Finished) -> Figure:
    return sheets.latent_plane(o.codec, f"{o.title}: z at the prior's quantiles")


def _arithmetic(o: Finished) -> Figure:
    names = o.dataset.label_names
    triples = [
        (f"+ {names[a]} − {names[b]}", o.of_class(a, 100), o.of_class(b, 100), o.of_class(b, 12)) for a, b in o.recipe.morphs
    ]
    return sheets.arithmetic(o.codec, triples, f"{o.title}: difference of two classes' mean codes added")


def _network(o: Finished) -> Figure:
    return network.drawing(o.trained.model, o.name)


def _feature_maps(o: Finished) -> Figure:
    labels = o.labels(1)
    return network.feature_maps(
        o.trained.model, o.images(1)[0], f"{o.title}: feature maps", None if labels is None else int(labels[0])
    )


def _parameter_norms(o: Finished) -> Figure:
    epochs = [o.trained.epoch(s.step) for s in o.trained.snapshots]
    return curves.parameter_norms(epochs, [s.norms for s in o.trained.snapshots], o.title)


def _data(o: Finished) -> Figure:
    return sheets.grid(o.images(40), f"{o.title}: test images", columns=20)


def _wrong_labels(o: Finished) -> Figure:
    assert o.dataset.labels is not None
    names, true = o.dataset.label_names, o.dataset.labels[o.rows[:25]]
    told_instead = wrong_labels(true, len(names))
    outputs = o.codec.decode(o.codec.encode(o.images(25), told_instead)[0], told_instead)
    shown = [names[k] for k in true], [names[k] for k in told_instead]
    return sheets.wrong_labels(o.images(25), outputs, *shown, f"{o.title}: image, and what becomes of it with a wrong label")


def _labels_by_style(o: Finished) -> Figure:
    names, labels = o.dataset.label_names, o.labels(10)
    assert labels is not None
    mu = o.codec.encode(o.images(10), labels)[0]
    told_all = np.arange(min(len(names), 10))
    rows = [o.codec.decode(np.repeat(z[None], len(told_all), axis=0), told_all) for z in mu]
    rows = [np.concatenate([image[None] / np.float32(255), row]) for image, row in zip(o.images(10), rows, strict=True)]
    title = f"{o.title}: an image, then its z told every label: {', '.join(names[k] for k in told_all)}"
    return sheets.grid(np.concatenate(rows), title, columns=1 + len(told_all))


def _diversity(o: Finished) -> Figure:
    return latents.diversity(o.trained.snapshots[-1].samples, o.images(REAL), o.title)


def _sample_quality(o: Finished) -> Figure:
    assert o.quality is not None
    epochs = [o.trained.epoch(s.step) for s in o.trained.snapshots]
    scores = [o.quality.scores(s.samples) for s in o.trained.snapshots]
    return curves.sample_quality(epochs, scores, o.quality.scores(o.images(REAL)), o.title)


def _gradient_check(o: Finished) -> Figure:
    from models.numpy_vae.gradient_check import error_by_step_size
    from models.numpy_vae.model import cnn

    rng = np.random.default_rng(0)
    model = cnn((1, 8, 8), (4, 4), (8,), 3, batch_norm=True, dtype=np.float64)  # small: every entry costs two passes
    errors = error_by_step_size(model, rng.random((4, 1, 8, 8)), rng.standard_normal((4, 3)), entries=3)
    return from_scratch.gradient_check(errors, "gradients of the NumPy layers against finite differences")


def _numpy_against_torch(o: Finished) -> Figure:
    from study.reproduction.numpy_cost import compare

    measured = compare(o.trained.config.training.batch_size, steps=10)
    return from_scratch.costs(measured, "the same networks in NumPy and in PyTorch")


FIGURES: dict[str, Callable[[Finished], Figure]] = {
    "data": _data,
    "losses": _losses,
    "gradients": _gradients,
    "reconstructions": _reconstructions,
    "morphs": _morphs,
    "samples": _samples,
    "samples_over_training": _samples_over_training,
    "filters_over_training": _filters_over_training,
    "latent_scatter": _latent_scatter,
    "posterior": _posterior,
    "uncertainty": _uncertainty,
    "traversal": _traversal,
    "latent_plane": _latent_plane,
    "arithmetic": _arithmetic,
    "network": _network,
    "feature_maps": _feature_maps,
    "parameter_norms": _parameter_norms,
    "wrong_labels": _wrong_labels,
    "labels_by_style": _labels_by_style,
    "diversity": _diversity,
    "sample_quality": _sample_quality,
    "gradient_check": _gradient_check,
    "numpy_against_torch": _numpy_against_torch,
}
