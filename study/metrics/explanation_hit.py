"""Explanations: how often the leading latent of an odd picture is the one that encodes what is odd about it.

In each of BatchRank's factor cells the odd factor is known; the latent that encodes it is the one with the largest mutual
information (the numerator of MIG).  Range 0 … 1; chance is 1 / number of active latents; higher is better.  A model that
spreads a factor over several latents can rank well and still explain badly: this is where disentanglement should pay.
"""

from __future__ import annotations

from study.batchrank.quick import mean_of, trial_rows
from study.evidence.encoding import Encoding
from study.metrics._metric import Metric

__all__ = ["METRIC", "compute"]

METRIC = Metric(
    family="model",
    keys=("explanation_hit",),
    direction="maximize",
    range=(0.0, 1.0),
    cost="seconds",
    truth=True,
    group="ranking",
    speaks=("explanation_hit",),
)


def compute(encoding: Encoding, seed: int) -> dict[str, float]:
    """The same batches for every seed: they are keyed by the data, so trials can be compared."""
    return {"explanation_hit": mean_of(trial_rows(encoding), "explanation_hit")}
