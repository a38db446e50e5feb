"""Outlier ranking: does the default score find the odd pictures of a batch from this model's codes?

    outlier_auroc   area under the ROC curve, chance ½
    outlier_ap      average precision above its exact chance value: 0 chance, 1 perfect (negative: worse than chance)

A cell of BatchRank for every ground-truth factor, or for the class: see `study.batchrank.quick`.  Higher is better.  Factors
that a model does not encode count as chance, so the mean over factors is far from 1 for dSprites (shape, orientation).
"""

from __future__ import annotations

from study.batchrank.quick import mean_of, trial_rows
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute"]

METRIC = Metric(
    family="model",
    keys=("outlier_auroc", "outlier_ap"),
    direction="maximize",
    range=(-1.0, 1.0),
    cost="seconds",
    truth=True,
    labels=True,
    titles={"outlier_auroc": "outlier AUROC", "outlier_ap": "outlier average precision"},
    group="ranking",
    speaks=("outlier_auroc", "outlier_ap"),
)


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    """The same batches for every seed: they are keyed by the data, so trials can be compared."""
    rows = trial_rows(encoding)
    return {"outlier_auroc": mean_of(rows, "auroc"), "outlier_ap": mean_of(rows, "ap")}
