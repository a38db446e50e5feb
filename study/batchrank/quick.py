"""A fast cell of BatchRank for every trial: the default score, on the codes that the other metrics use anyway.

Every factor (or the class) is a subject: batches of 64 pictures, 6 of them odd in that one way, in twins.  Samples whose
rarest value has fewer than 58 pictures get batches of 16 with 2 odd ones, or of 8 with one.  No image is decoded.

A conditional model is told the label and encodes the rest; for odd classes expect chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE
from study.batchrank.bench import Bench
from study.batchrank.cells import Cell
from study.batchrank.sample import Sample, subjects
from study.evidence.encoding import Encoding

__all__ = ["BATCHES", "mean_of", "quick_rows", "trial_rows"]

BATCHES = 40
SIZES = ((64, 6), (16, 2), (8, 1))
METHODS = (DEFAULT_SCORE, "without_context")


def trial_rows(encoding: Encoding) -> list[dict[str, Any]]:
    """`quick_rows` of an encoding for all of `METHODS`, scored once: three metrics read them."""
    return encoding.once("batchrank", lambda: quick_rows(encoding, METHODS))


def quick_rows(encoding: Encoding, methods: Sequence[str], batches: int = BATCHES) -> list[dict[str, Any]]:
    """Rows of `Bench.run` for one cell a subject.

    Raises `UserError` for a data set without factors and labels, or a sample too small for any cell.
    """
    sample = Sample(encoding, subjects(encoding, "report"), encoding.dataset.digest)
    cells = _cells(sample)
    if not cells:
        n, odd = SIZES[-1]
        raise UserError(
            f"BatchRank needs {n - odd} pictures of every value of a factor, but this sample of {len(encoding)} has fewer"
        )
    return list(Bench(sample).run(cells, methods, batches))


def mean_of(rows: list[dict[str, Any]], key: str, method: str = DEFAULT_SCORE) -> float:
    """Mean of one column over the rows of one method."""
    return float(np.mean([row[key] for row in rows if row["method"] == method]))


def _cells(sample: Sample) -> list[Cell]:
    """The largest size that every subject's pools allow; else, subjects that allow the smallest."""
    pools = {name: subject.smallest_pool() for name, subject in sample.subjects.items()}
    for n, odd in SIZES:
        if pools and min(pools.values()) >= n - odd:
            return [Cell(name, n, odd) for name in pools]
    n, odd = SIZES[-1]
    return [Cell(name, n, odd) for name, pool in pools.items() if pool >= n - odd]
