"""Metrics by name.  One file a metric, each with its formula, paper, range, direction, cost and known differences.

    METRIC    the declaration (`study.metrics.Metric`): family, keys, direction, range, unit, cost
    compute   the metric with the signature of its family
    and the metric as a plain function of arrays, under its own name: `from study.metrics.mig import mig`

Three families, one signature each, because they look at different things:

    codes   compute(points, seed)      codes (N, D) and ground-truth factors (N, F): mig sap dci dci_forest
                                       factor_vae_score beta_vae_score modularity explicitness knn.  `evaluate` runs them.
    model   compute(encoding, seed)    posterior means and variances, images and the decoder: recon kl negative_elbo
                                       negative_iwae active_units total_correlation.  `study.evaluate.evaluate_codec` runs
                                       them, and the family above on the same encodings.
    seeds   compute(encodings, seed)   what several seeds of one configuration make of the same images: udr, model_centrality.
                                       `study.evaluate.evaluate_seeds` runs them.

A key begins with its plug-in's name, so `metric_of("dci_forest_disentanglement")` finds its file without importing the rest.
Metrics of codes read the encoder mean, as published numbers do.  Where the field's published code is questionable the plain
name follows it, and the corrected variant has a name of its own (`mig_quantile`, `modularity_active`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.plugins import Plugins
from study.evidence.points import Points
from study.metrics._metric import COSTS, Cost, Direction, Group, Metric

__all__ = [
    "METRICS",
    "Cost",
    "Direction",
    "Metric",
    "compute",
    "direction",
    "evaluate",
    "metric_of",
    "plugin_of",
    "plugins_of",
    "possible_metrics",
    "requested",
    "speaking",
    "watched",
]

METRICS = Plugins("study.metrics", kind="metric")


def evaluate(
    codes: NDArray[np.floating], factors: NDArray[np.integer], metrics: Sequence[str], seed: int = 0
) -> dict[str, float]:
    """Metrics of codes (N, D) and integer factors (N, F): the whole grid or a sample of it.

    metrics  plug-in names, which give all their keys (`dci`), or single keys (`dci_disentanglement`)
    seed     of the points drawn and of whatever a metric draws

    >>> factors = np.stack(np.unravel_index(np.arange(2400), (6, 20, 20)), axis=1)
    >>> round(evaluate(factors.astype(float), factors, ["mig"])["mig"], 2)
    1.0

    Raises `UserError` for an unknown name, a metric of another family, codes that are not finite, arrays of different
    length, a factor with one value, or too few points.
    """
    points = Points(np.asarray(codes), np.asarray(factors), seed)
    for name in metrics:
        if metric_of(name).family != "codes":
            raise UserError(f"{name} is not a metric of codes and factors; those are: {', '.join(_family('codes'))}")
    return requested(metrics, {name: compute(name, points, seed) for name in plugins_of(metrics)})


def plugins_of(names: Iterable[str]) -> list[str]:
    """The plug-ins behind names or keys, each once, in order."""
    return list(dict.fromkeys(plugin_of(name) for name in names))


def compute(plugin: str, evidence: Any, seed: int) -> dict[str, float]:
    """Run one plug-in on its family's evidence.  What it returns is finite and has the declared keys."""
    module = METRICS.load(plugin)
    if isinstance(evidence, Points) and evidence.factors.shape[1] < module.METRIC.least_factors:
        least, got = module.METRIC.least_factors, evidence.factors.shape[1]
        raise UserError(f"{plugin} needs at least {least} factors, but got {got}")
    values: dict[str, float] = module.compute(evidence, seed)
    assert set(values) == set(module.METRIC.keys), (plugin, sorted(values))
    assert all(np.isfinite(value) for value in values.values()), (plugin, values)
    return values


def requested(names: Sequence[str], results: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of {plug-in: {key: value}}, what was asked for: all keys of a plug-in, or the one key that was named."""
    values: dict[str, float] = {}
    for name in names:
        found = results[plugin_of(name)]
        values |= found if name in results else {name: found[name]}
    return values


def plugin_of(name: str) -> str:
    """The plug-in that gives a key (or has that very name).  Raises `UserError` that lists the choices."""
    owners = [plugin for plugin in METRICS.names() if name == plugin or name.startswith(f"{plugin}_")]
    plugin = max(owners, key=len, default=name)
    module: ModuleType = METRICS.load(plugin)
    if name != plugin and name not in module.METRIC.keys:
        raise UserError(f"unknown metric {name!r}: {plugin} gives {', '.join(module.METRIC.keys)}")
    return plugin


def metric_of(name: str) -> Metric:
    """The declaration behind a plug-in's name or a key.

    >>> metric_of("recon").unit
    'nats'
    """
    metric: Metric = METRICS.load(plugin_of(name)).METRIC
    return metric


def direction(name: str) -> Direction:
    """ "maximize" or "minimize": which way of this key is better."""
    return metric_of(name).direction


def speaking(group: Group, cost: Cost = "minutes") -> list[str]:
    """The keys that stand for a group where groups are compared, up to a cost."""
    found = [metric_of(name) for name in METRICS.names()]
    return [key for metric in found if metric.group == group and _affordable(metric, cost) for key in metric.speaks]


def watched() -> list[str]:
    """The metrics that are looked at in mid-training."""
    return [name for name in METRICS.names() if metric_of(name).watched]


def possible_metrics(*, factors: int, labels: bool, cost: Cost = "seconds") -> list[str]:
    """The single-model metrics that a data set with so many factors, or with labels, can have, up to a cost."""
    found = {name: metric_of(name) for name in METRICS.names()}
    return [name for name, metric in found.items() if _affordable(metric, cost) and _fits(metric, factors, labels)]


def _affordable(metric: Metric, cost: Cost) -> bool:
    return COSTS.index(metric.cost) <= COSTS.index(cost)


def _fits(metric: Metric, factors: int, labels: bool) -> bool:
    if metric.family == "codes" or metric.truth:
        return factors >= metric.least_factors if factors else labels and metric.labels
    return metric.family == "model"


def _family(family: str) -> list[str]:
    return [name for name in METRICS.names() if metric_of(name).family == family]
