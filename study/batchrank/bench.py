"""Run methods over the batches of cells: one tidy row for every (method, cell, batch).

A method is an outlier score by name, or one of three controls:

    random                    a coin, from the batch's own generator
    untrained_encoder         the default score on the codes of the same network before training
    without_context           the default score with 1,000 random pictures of the whole sample as its context instead of
                              the batch: what the same formula knows without the batch

or what a caller brings: a `Ranker`, which sees the pictures of a batch and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError, unknown
from models.outlier_scores import DEFAULT_SCORE, SCORES, Floats, Scores, needs, score_batch, stands_out
from study.batchrank.cells import Cell, Drawn, draw
from study.batchrank.quality import ranking_quality
from study.batchrank.sample import Sample
from study.evidence.information import mutual_information

__all__ = ["CONTROLS", "Bench", "Images", "Judged", "Ranker", "all_methods", "standard_cells"]

Images = NDArray[np.uint8]

CONTROLS = ("random", "untrained_encoder", "without_context")
REFERENCE_SIZE = 1000
CHUNK = 500


class Judged(NamedTuple):
    """values (n,), higher = odder; alarms (n,): which pictures it would call odd."""

    values: Floats
    alarms: NDArray[np.bool_]


Ranker = Callable[[Images], Judged]
"""From the pictures of a batch, uint8 (n, C, H, W)."""


def all_methods() -> list[str]:
    """Every score and every control."""
    return [*SCORES.names(), *CONTROLS]


def standard_cells(subjects: Sequence[str]) -> list[Cell]:
    """The reported cells: for each subject a size × number grid around n = 64 with 6 odd pictures (10 %), and clean ones."""
    grid = [
        (64, 0, False),
        (256, 0, False),
        (16, 1, False),
        (16, 3, False),
        (64, 1, False),
        (64, 3, False),
        (64, 6, False),
        (64, 13, False),
    ]
    grid += [(64, 6, True), (256, 1, False), (256, 26, False)]
    return [Cell(subject, n, odd, scattered) for subject in subjects for n, odd, scattered in grid]


@dataclass(frozen=True)
class Bench:
    """One model's sample, the same pictures through its untrained twin where that method is wanted, and rankers by name."""

    sample: Sample
    untrained: Sample | None = None
    score: str = DEFAULT_SCORE
    rankers: Mapping[str, Ranker] = field(default_factory=dict)

    def run(self, cells: Iterable[Cell], methods: Sequence[str], batches: int = 100) -> Iterator[dict[str, Any]]:
        """Rows of all methods for `batches` batches of every cell (twins count as two)."""
        scorers = {method: self._scorer(method) for method in methods if method not in self.rankers}
        for cell in cells:
            subject = self._subject(cell)
            target, chance = self._target(cell)
            for index in range(batches):
                for twin, drawn in enumerate(draw(subject, cell, self.sample.digest, index)):
                    for method in methods:
                        if method in scorers:
                            scores = scorers[method](drawn)
                            row = self._row(scores, stands_out(scores.values), drawn, None if method in CONTROLS else target)
                        else:
                            judged = self.rankers[method](self.sample.images(drawn.rows))
                            row = self._row(Scores(judged.values), judged.alarms, drawn, None)
                        yield {"method": method, "cell": cell.name, "index": index, "twin": twin, **row, "chance": chance}

    def _subject(self, cell: Cell) -> Any:
        if cell.subject not in self.sample.subjects:
            raise unknown("subject", cell.subject, self.sample.subjects)
        return self.sample.subjects[cell.subject]

    def _row(self, scores: Scores, alarms: NDArray[np.bool_], drawn: Drawn, target: int | None) -> dict[str, float]:
        row = {"false_alarms": float(alarms[~drawn.odd].sum())}
        if not drawn.odd.any():
            return row
        row |= {"found": float(alarms[drawn.odd].mean()), **ranking_quality(scores.values, drawn.odd)}
        if scores.naming is not None and target is not None:
            named = scores.naming.argmax(axis=1) == target
            row |= {"explanation_hit": float(named[drawn.odd].mean()), "ordinary_hit": float(named[~drawn.odd].mean())}
        return row

    def _target(self, cell: Cell) -> tuple[int | None, float]:
        """The active latent that knows most about the cell's factor, and the chance of naming it among those.

        Not the one of all: a dead latent can follow a factor without noise, at a size that the decoder does not see.
        """
        subject, encoding = self.sample.subjects[cell.subject], self.sample.encoding
        if subject.factor is None:
            return None, float("nan")
        part = np.flatnonzero(subject.values >= 0)
        information = mutual_information(encoding.mu[part], subject.values[part][:, None])[:, 0]
        active = encoding.mu.var(axis=0) > 0.01  # Burda et al. 2016
        return int(np.where(active, information, -1).argmax()), 1 / max(int(active.sum()), 1)

    def _scorer(self, method: str) -> Callable[[Drawn], Scores]:
        if method == "random":
            return lambda drawn: Scores(np.random.default_rng(drawn.rows.tolist()).random(len(drawn.rows)))
        if method == "untrained_encoder":
            untrained = self.untrained
            if untrained is None:
                raise UserError("the control untrained_encoder needs the untrained twin of the model")
            return lambda drawn: score_batch(self.score, untrained.batch(drawn.rows))
        if method == "without_context":
            return _looked_up(self._without_context())
        asked = needs(method)
        if not SCORES.load(method).CONTEXT:
            return _looked_up(self._context_free(method, asked))
        return lambda drawn: score_batch(method, self.sample.batch(drawn.rows, asked))

    def _without_context(self) -> Scores:
        rows = np.random.default_rng(0).choice(len(self.sample), min(REFERENCE_SIZE, len(self.sample)), replace=False)
        return score_batch(self.score, self.sample.batch(np.arange(len(self.sample)), needs(self.score)), np.sort(rows))

    def _context_free(self, method: str, asked: tuple[str, ...]) -> Scores:
        """A score that looks at each picture alone needs computing only once."""
        chunks = [np.arange(s, min(s + CHUNK, len(self.sample))) for s in range(0, len(self.sample), CHUNK)]
        scores = [score_batch(method, self.sample.batch(rows, asked)) for rows in chunks]
        values = np.concatenate([s.values for s in scores])
        naming = None if scores[0].naming is None else np.concatenate([s.naming for s in scores if s.naming is not None])
        return Scores(values, naming)


def _looked_up(scores: Scores) -> Callable[[Drawn], Scores]:
    return lambda drawn: scores.take(drawn.rows)
