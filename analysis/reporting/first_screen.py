"""What a reader sees first: the verdict, the winner's pictures, the front, and how sure this is.

verdict   the compromise nearest the ideal point of the front, of confirmed trials and by their fresh seeds where there are any;
          where no model has learnt anything, that
ends      the ends of the front: what the best in one metric costs in the other
sure      seeds, trials, steps: what the verdict rests on, in a line
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from analysis.figures.pareto import pareto
from analysis.reporting.front_models import Gallery
from analysis.reporting.parts import FEW, Picture, picture
from analysis.tables.caveats import seeds_text
from analysis.tables.load import Studies
from analysis.tables.names import metric_name, number
from analysis.tables.two_metrics import tradeoff_table
from study.records.intervals import span_name
from study.records.outcome import SAYS_NOTHING
from study.records.pareto import nearest_ideal
from study.records.winners import confirmed_medians

__all__ = ["FirstScreen", "alive", "dead", "first_screen"]


@dataclass(frozen=True)
class FirstScreen:
    """trial: of the verdict, None where there is none."""

    verdict: str
    sure: str
    trial: int | None = None
    ends: str = ""
    pictures: tuple[Picture, ...] = ()
    chart: Picture | None = None


def dead(trials: pd.DataFrame) -> pd.Series:
    """Which trials have a model that says nothing of a picture."""
    return trials["usable"] & (trials["kl"] < SAYS_NOTHING) if "kl" in trials.columns else trials["usable"] & False


def alive(studies: Studies) -> Studies:
    """The studies without their dead models among the usable ones, so that none of them wins or stretches an axis.

    Where all are dead they stay: there is nothing else to show, and the verdict says so.
    """
    rows = studies.trials
    living = rows["usable"] & ~dead(rows)
    return replace(studies, trials=rows.assign(usable=living)) if living.any() else studies


def first_screen(studies: Studies, keys: tuple[str, str] | None, found: Gallery) -> FirstScreen:
    """studies: of `alive`."""
    (record,) = studies.records.values()
    sure = f"{len(studies.usable)} usable trials of {record.budget.steps:,} steps, {seeds_text(record.replicates)}: " + (
        "a difference between two trials may be luck." if record.replicates == 1 else "see Doubts for the spread."
    )
    if keys is None:
        return FirstScreen("No trial has given a usable model yet.", sure)
    if dead(studies.usable).all():
        steps = f"{record.budget.steps:,} steps"
        told = f"No model here has learnt anything ({steps}): every KL is below {SAYS_NOTHING:g} nats per image."
        return FirstScreen(told, "There is nothing to choose from; the chapters below show what happened.")
    x, y = keys
    table = tradeoff_table(studies, x, y)
    front = table[table["front"]]
    fresh = _fresh(studies, front, keys)
    rows = front if fresh.empty else fresh
    place = nearest_ideal(rows[[x, y]].to_numpy(dtype=float), list(studies.metrics.loc[[x, y], "direction"]))
    best = front[front["trial"] == rows.iloc[place]["trial"]].iloc[0]
    trial = int(best["trial"])
    values = _values(best, keys)
    if not fresh.empty:
        seeds = int(fresh.iloc[place]["seeds"])
        medians = f"medians of {seeds} fresh seeds: {_values(fresh.iloc[place], keys)}"
        sure = f"The best of {len(fresh)} that were confirmed; {medians}. {sure}"
    shown = tuple(found.sheets(trial)[:2])
    chart = _front_chart(studies, keys, front) if len(table) >= FEW else None
    return FirstScreen(f"{values} ({best['variant']}).", sure, trial, _ends(front, keys, by_fresh=not fresh.empty), shown, chart)


def _values(row: pd.Series, keys: tuple[str, str]) -> str:
    return ", ".join(f"{metric_name(key)} {number(row[key])}" for key in keys)


def _fresh(studies: Studies, front: pd.DataFrame, keys: tuple[str, str]) -> pd.DataFrame:
    """What fresh seeds say of the front's trials, one row a confirmed one: a value that was searched for is too good."""
    (folder,) = studies.folders.values()
    told = confirmed_medians(folder)
    known = told[told.index.isin(front["trial"])].rename_axis("trial").reset_index()
    return known if set(keys) <= set(known.columns) else known.head(0)


def _ends(front: pd.DataFrame, keys: tuple[str, str], *, by_fresh: bool) -> str:
    """What each end of the front gives up.  by_fresh: the verdict is of confirmed trials, by what their fresh seeds say."""
    if len(front) == 1:
        return "It is the best in both metrics."
    (x, y), first, last = keys, front.iloc[0], front.iloc[-1]
    return (
        f"{'By fresh seeds it' if by_fresh else 'It'} is the compromise nearest the ideal point. "
        f"The best {metric_name(x)} is {number(first[x])} "
        f"(trial {int(first['trial'])}), with {metric_name(y)} {number(first[y])}; the best {metric_name(y)} is "
        f"{number(last[y])} (trial {int(last['trial'])}), with {metric_name(x)} {number(last[x])}."
    )


def _front_chart(studies: Studies, keys: tuple[str, str], front: pd.DataFrame) -> Picture:
    x, y = keys
    (record,) = studies.records.values()
    seeds = (
        f"Crosses: medians over seeds with their {span_name(record.replicates)}." if record.replicates > 1 else "One seed each."
    )
    text = f"{len(front)} of {len(studies.usable)} usable trials are on the front (dashed, numbered). {seeds}"
    return picture(lambda ax: pareto(studies.trials, x, y, replicates=studies.replicates, ax=ax), text, size=(7.2, 3.9))
