"""Confirming winners: `--confirm K` trains the Pareto front again with K fresh seeds and says how much it shrinks.

The best of many noisy values is too good on average (the winner's curse), and in this field the seed moves scores about as
much as the method does (Locatello et al. 2019).  Until it has been confirmed a winner of one seed is "n = 1".

Fresh replicates are numbered from `FRESH` on, so their seeds were never part of the search.  `confirmation.parquet` has one row
a seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from study.config import TrialConfig
from study.metrics import metric_of
from study.records.folder import StudyFolder
from study.records.intervals import shrinkage
from study.records.tables import read_table, write_confirmation

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from study.search.trial import TrialSpec

__all__ = ["FRESH", "confirm", "shrinkage_table"]

FRESH = 1_000


def confirm(folder: StudyFolder, trials: pd.DataFrame, seeds: int, console: Console) -> pd.DataFrame:
    """Train each of `trials` with `seeds` fresh seeds on the connected cluster; returns all confirmation rows so far."""
    from study.search.cluster import retrain
    from study.search.leftovers import Leftovers

    known = read_table(folder, "confirmation")
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]
    done = {(int(row["trial"]), int(row["replicate"])) for row in rows}
    specs = [spec for spec in _specs(folder, trials, seeds) if (spec.number, spec.first_replicate) not in done]
    console.print(f"confirming {len(trials)} Pareto trials with {seeds} fresh seeds each: {len(specs)} trainings …")
    leftovers = Leftovers(folder.mirror)
    for count, (spec, outcome) in enumerate(retrain(specs), start=1):
        leftovers.gather(spec, outcome)
        rows += [{"trial": spec.number, **replicate} for replicate in outcome.replicates]
        write_confirmation(folder, rows)
        leftovers.clear(spec)
        reason = f" ({outcome.reason})" if outcome.reason else ""
        console.print(f"[{count}/{len(specs)}] trial {spec.number}: {outcome.status}{reason}", markup=False)
    return read_table(folder, "confirmation")


def shrinkage_table(folder: StudyFolder, trials: pd.DataFrame, confirmed: pd.DataFrame) -> Table:
    """Per trial and searched metric: the search's value, the fresh seeds' median, its interval or range, the loss."""
    record = folder.record
    table = Table("trial", "metric", "searched", "fresh median", "from … to", "which is", "lost", box=None, header_style="bold")
    for _, row in trials.iterrows():
        fresh = confirmed[confirmed["trial"] == row["trial"]]
        for metric, direction in zip(record.metrics, record.directions, strict=True):
            values = fresh[metric].dropna().to_numpy(dtype=float) if metric in fresh else []
            if len(values) == 0:
                continue
            found = shrinkage(float(row[metric]), values, direction)
            middle = found.confirmed
            table.add_row(
                str(int(row["trial"])), metric, f"{found.searched:.4g}", f"{middle.median:.4g}",
                "–" if middle.n == 1 else f"{middle.low:.4g} … {middle.high:.4g}", middle.means, f"{found.loss:+.4g}",
            )  # fmt: skip
    return table


def _specs(folder: StudyFolder, trials: pd.DataFrame, seeds: int) -> Sequence[TrialSpec]:
    """One spec a seed, so that they run side by side."""
    from study.search.trial import spec_of

    found = []
    for _, row in trials.iterrows():
        spec = spec_of(folder, int(row["trial"]), TrialConfig.parse(json.loads(row["config"])))
        metrics, also = (tuple(m for m in names if metric_of(m).family != "seeds") for names in (spec.metrics, spec.also))
        for seed in range(seeds):
            changes = {"replicates": 1, "first_replicate": FRESH + seed, "metrics": metrics, "also": also}
            found.append(spec.model_copy(update=changes))
    return found
