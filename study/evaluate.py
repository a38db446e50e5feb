"""Evaluate a model: encode a fixed sample once, then compute every metric from those codes.

The same function runs on a torch model in a trial and on the ONNX files of a published one, and gives the same numbers to
about 1e-4: the publish gate recomputes what a trial reported.

    evaluate_codec(TorchCodec(model), dataset, metrics=["recon", "mig"]).values   →   {"recon": 17.4, "mig": 0.101}

What a data set does not have is absent, never zero: `possible(dataset)` lists what it can have; naming anything else is
an error that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec, TorchCodec
from models.config import VAEConfig
from models.errors import UserError
from study.datasets import Dataset, Part
from study.evidence.encoding import Baseline, Encoding, encode
from study.evidence.points import Points
from study.metrics import Cost, compute, metric_of, plugin_of, plugins_of, possible_metrics, requested

__all__ = ["EVALUATOR", "Evaluation", "check_metrics", "evaluate_codec", "evaluate_seeds", "possible"]

EVALUATOR = "1"
"""Raised by one whenever a change here or in a metric changes numbers; stored with every number."""


@dataclass(frozen=True)
class Evaluation:
    """Values of one model on one sample, and what is behind them.

    values         {key: value}
    points         {key: number of images behind the value}
    seed           of the sample, the noise, and whatever a metric draws
    kl_per_latent  mean KL of every latent, nats, (D,)
    baseline       reconstruction errors to read `recon` against; None where nothing was decoded
    encoding       the codes, for metrics of several seeds and for figures; not part of the record
    """

    values: dict[str, float]
    points: dict[str, int]
    seed: int
    part: Part
    kl_per_latent: NDArray[np.float64]
    baseline: Baseline | None
    encoding: Encoding = field(repr=False, compare=False)
    evaluator: str = EVALUATOR
    notes: tuple[str, ...] = ()
    """What was left out, and why, one line each."""

    def record(self) -> dict[str, Any]:
        """All of it but the codes, ready for JSON."""
        names = ("values", "points", "seed", "part", "evaluator", "notes")
        found = {name: getattr(self, name) for name in names} | {"kl_per_latent": self.kl_per_latent.tolist()}
        if self.baseline is not None:
            found |= {"mean_image_nll": self.baseline.mean_image, "perfect_nll": self.baseline.perfect}
        return found


def evaluate_codec(
    codec: Codec,
    dataset: Dataset,
    *,
    metrics: Sequence[str],
    extra: Sequence[str] = (),
    part: Part = "validation",
    seed: int = 0,
    points: int = 10_000,
    config: VAEConfig | None = None,
) -> Evaluation:
    """Metrics of one model on `points` images of a part (all of them, if there are fewer).

    metrics  plug-in names or single keys of the families "codes" and "model"
    extra    more of them, that are left out, with a note, where these images cannot give them
    config   the model's; needed for a codec that is not a `TorchCodec`: says the likelihood and whether there is a condition

    Raises `UserError` for an unknown metric, one that this data set cannot have, images of another shape, codes that are
    not finite, or too few points.
    """
    config = _config(codec) if config is None else config
    _check(config, dataset, metrics)
    rows = np.random.default_rng(seed).permutation(dataset.sample(part, points, seed))
    encoding = encode(codec, config, dataset, rows, seed)
    results = {name: compute(name, _evidence(name, encoding), seed) for name in plugins_of(metrics)}
    values = requested(metrics, results)
    notes = []
    for name in extra:
        plugin = plugin_of(name)
        try:
            if plugin not in results:
                check_metrics(dataset, [name])
                results[plugin] = compute(plugin, _evidence(plugin, encoding), seed)
            values |= requested([name], results)
        except UserError as problem:
            notes.append(f"{name} is left out: {problem}")
    return Evaluation(
        values=values,
        notes=tuple(notes),
        points={key: min(metric_of(key).points or len(encoding), len(encoding)) for key in values},
        seed=seed,
        part=part,
        kl_per_latent=encoding.kl.mean(axis=0),
        baseline=encoding.baseline if "recon" in values else None,
        encoding=encoding,
    )


def evaluate_seeds(encodings: Sequence[Encoding], metrics: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Metrics of several seeds of one configuration (`udr`), from the encodings of their `Evaluation`s.

    Raises `UserError` for a metric of another family, fewer than two seeds, or encodings of different images.
    """
    for name in metrics:
        if metric_of(name).family != "seeds":
            raise UserError(f"{name} is a metric of one model, not of several seeds")
    first = encodings[0] if encodings else None
    if any(
        each.dataset.digest != first.dataset.digest or not np.array_equal(each.rows, first.rows) for each in encodings if first
    ):
        raise UserError("all seeds must be evaluated on the same images, but these encodings are of different ones")
    return requested(metrics, {name: compute(name, encodings, seed) for name in plugins_of(metrics)})


def possible(dataset: Dataset, cost: Cost = "seconds") -> list[str]:
    """The single-model metrics that this data set can have, up to a cost."""
    factors = 0 if dataset.factors is None else dataset.factors.shape[1]
    return possible_metrics(factors=factors, labels=dataset.labels is not None, cost=cost)


def _config(codec: Codec) -> VAEConfig:
    if isinstance(codec, TorchCodec):
        return codec.model.config
    raise TypeError(f"config= must be given for a {type(codec).__name__}")


def check_metrics(dataset: Dataset, metrics: Sequence[str], seeds: int = 1) -> None:
    """Raises `UserError` when a metric cannot be had from this data set with this many seeds of a configuration."""
    for name in metrics:
        metric = metric_of(name)
        if metric.family == "seeds" and seeds < 2:
            raise UserError(f"{name} needs at least 2 seeds of a configuration (--replicates), but got {seeds}")
        if (metric.family == "codes" or metric.truth) and dataset.factors is None:
            has = "labels, but no factors" if dataset.labels is not None else "neither factors nor labels"
            if dataset.labels is None or not metric.labels:
                raise UserError(f"{name} needs ground-truth factors, but {dataset.name} has {has}")
        if dataset.factors is not None and dataset.factors.shape[1] < metric.least_factors:
            least, got = metric.least_factors, dataset.factors.shape[1]
            raise UserError(f"{name} needs at least {least} factors, but {dataset.name} has {got}")


def _check(config: VAEConfig, dataset: Dataset, metrics: Sequence[str]) -> None:
    if tuple(config.image_shape) != tuple(dataset.image_shape):
        raise UserError(f"the model is for images {config.image_shape}, but {dataset.name} has {dataset.image_shape}")
    check_metrics(dataset, metrics)


def _evidence(name: str, encoding: Encoding) -> Encoding | Points:
    """What a metric looks at.  Where there are no factors, the class label is the only one."""
    if metric_of(name).family == "model":
        return encoding
    dataset = encoding.dataset
    if dataset.factors is not None:
        return Points(encoding.mu, dataset.factors[encoding.rows], encoding.seed)
    assert dataset.labels is not None
    return Points(encoding.mu, dataset.labels[encoding.rows][:, None], encoding.seed)
