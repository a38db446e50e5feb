"""What the batch adds: AUROC of the default score with the batch as context minus that with 1,000 random pictures instead.

The same batches and the same formula; the second cannot know what this batch has in common, and by the context-swap twins
its AUROC is ½ on average.  Range −1 … 1, at most about ½; higher is better.  See `study.batchrank`.
"""

from __future__ import annotations

from study.batchrank.quick import mean_of, trial_rows
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute"]

METRIC = Metric(
    family="model",
    keys=("context_gain",),
    direction="maximize",
    range=(-1.0, 1.0),
    cost="seconds",
    truth=True,
    labels=True,
    group="ranking",
    speaks=("context_gain",),
)


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    """The same batches for every seed: they are keyed by the data, so trials can be compared."""
    rows = trial_rows(encoding)
    return {"context_gain": mean_of(rows, "auroc") - mean_of(rows, "auroc", "without_context")}
