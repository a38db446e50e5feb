"""What was searched, what won, and the trade-off between the metrics."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd

from analysis.figures.hypervolume_curve import hypervolume_curve
from analysis.figures.pareto import pareto
from analysis.reporting.parts import Section, Table, picture, table_of
from analysis.tables.caveats import seeds_text
from analysis.tables.load import Studies, directions_of, knobs, shown_name
from analysis.tables.names import ARROWS, knob_label, metric_name, number
from analysis.tables.two_metrics import by_variant, tradeoff_table
from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.outcome import ENDED
from study.records.winners import best_trials

__all__ = ["choices", "front_table", "searched", "tradeoff", "variant_table", "won"]


def searched(studies: Studies) -> Section:
    """The space, the knobs with the values that were tried, and how the trials ended."""
    (record,) = studies.records.values()
    goals = ", ".join(f"{metric_name(k)} {ARROWS[d]}" for k, d in zip(record.metrics, record.directions, strict=True))
    parts = ", ".join(f"{size:,} {part}" for part, size in record.dataset.get("parts", {}).items())
    lead = [
        f"Space {record.space} on {record.dataset['name']} ({record.dataset['source']}; {parts} images). Searched: {goals}. "
        f"Sampler {record.sampler}, scheduler {record.scheduler}, seed {record.seed}; {record.trials} trials of "
        f"{record.budget.steps:,} steps, {seeds_text(record.replicates)}; metrics on {record.budget.points:,} validation images.",
    ]
    return Section("What was searched", lead, tables=[_outcomes(studies.trials), _knob_table(studies.trials)])


def won(studies: Studies, keys: tuple[str, str] | None) -> Section:
    """The Pareto front, the best of each kind of objective, and choices under a condition."""
    if keys is None:
        return Section("What won", ["No trial has given a usable model yet, so there is nothing to choose from."])
    table = tradeoff_table(studies, *keys)
    front = table[table["front"]]
    lead = [
        f"{len(front)} of {len(table)} usable trials are on the front of {metric_name(keys[0])} and {metric_name(keys[1])}: no "
        "other trial is at least as good in both and better in one.",
    ]
    named = choices(studies, *keys)
    tables = [front_table(studies, keys), variant_table(studies, keys)]
    if named:
        rows = [[c["text"], *(number(c[key], 4) for key in ("trial", *keys)), c["variant"], c["command"]] for c in named]
        columns = ["the best …", "trial", *keys, "objective", "publish it"]
        words = ("the best …", "objective", "publish it")
        tables.append(Table("A choice under a condition", columns, rows, left=words, code=("publish it",)))
    return Section("What won", lead, tables=tables)


def tradeoff(studies: Studies, keys: tuple[str, str] | None) -> Section:
    """Every usable trial in the plane of two metrics, and how the front grew."""
    if keys is None:
        return Section("The trade-off", ["It needs a usable trial with two metrics."])
    x, y = keys
    seeds = " Crosses span 95 % intervals of the medians over seeds." if studies.replicates["replicate"].max() else " n = 1 seed."
    pictures = [
        picture(
            lambda ax: pareto(studies.trials, x, y, replicates=studies.replicates, ax=ax),
            f"{metric_name(x)} against {metric_name(y)}. Numbers are trials of the front (dashed).{seeds}",
            size=(8.6, 4.4),
        ),
        picture(
            lambda ax: hypervolume_curve(studies.trials, x, y, ax=ax),
            "The area that the trials dominate, as they were started. A flat end: the search found nothing better lately.",
            size=(6, 3),
        ),
    ]
    return Section("The trade-off", pictures=pictures)


def choices(studies: Studies, x: str, y: str) -> list[dict[str, Any]]:
    """The best `y` among trials whose `x` is at most (or least) the quartiles and the worst of the usable ones, with commands."""
    (folder,) = studies.folders.values()
    values = studies.usable[x].dropna()
    minimize = directions_of([x])[0] == "minimize"
    found: dict[str, dict[str, Any]] = {}
    for share in (0.25, 0.5, 0.75) if minimize else (0.75, 0.5, 0.25):
        where = f"{x} {'<=' if minimize else '>='} {float(f'{values.quantile(share):.3g}'):g}"
        _add_choice(found, folder, studies, y, where)
    _add_choice(found, folder, studies, y, None)
    return list(found.values())


def _add_choice(found: dict[str, dict[str, Any]], folder: StudyFolder, studies: Studies, metric: str, where: str | None) -> None:
    """One more choice, unless the condition excludes all or chooses what a tighter one did."""
    try:
        trial = int(best_trials(folder, metric, where)["trial"].iloc[0])
    except UserError:  # rounding the threshold left nobody
        return
    if trial in {choice["trial"] for choice in found.values()}:
        return
    row = studies.trials[studies.trials["trial"] == trial].iloc[0]
    command = ["python", "-m", "study.publish", shown_name(folder), "--best", metric, *(["--where", where] if where else [])]
    text = f"{metric_name(metric)} with {where}" if where else f"{metric_name(metric)}, whatever the rest"
    found[str(where)] = {**{str(k): v for k, v in row.items()}, "text": text, "command": shlex.join(command)}


def _outcomes(trials: pd.DataFrame) -> Table:
    rows = []
    for status, group in trials.groupby("status", sort=False):
        reasons = list(dict.fromkeys(str(reason) for reason in group["reason"] if reason))
        told = "; ".join(reasons[:2]) + ("; …" if len(reasons) > 2 else "")
        rows.append([str(status) + ("" if status in ENDED else " (not ended)"), str(len(group)), told])
    return Table("How the trials ended", ["status", "trials", "reason"], rows, left=("status", "reason"))


def _knob_table(trials: pd.DataFrame) -> Table:
    rows = []
    for knob in knobs(trials):
        values = trials[knob].dropna()
        if pd.api.types.is_numeric_dtype(values):
            tried = f"{number(float(values.min()))} … {number(float(values.max()))}"
        else:
            tried = ", ".join(f"{value} ({count})" for value, count in values.value_counts().items())
        rows.append([knob_label(knob), knob, tried, str(len(values))])
    return Table("The knobs", ["knob", "column", "tried", "in trials"], rows, left=("knob", "column", "tried"))


def front_table(studies: Studies, keys: tuple[str, str]) -> Table:
    """The trials of the front, best first metric first, with the knobs that tell them apart most."""
    table = tradeoff_table(studies, *keys)
    front = table[table["front"]]
    others = [key for key in ("kl", "negative_elbo", "active_units") if key not in keys and key in front.columns]
    shown = [*keys, *(key for key in others if front[key].notna().any())]
    several = ["study"] if len(studies.folders) > 1 else []
    settings = [knob for knob in ("architecture", "latent_dim", "learning_rate") if knob in front.columns]
    heads = {key: f"{key} {ARROWS[direction]}" for key, direction in zip(shown, directions_of(shown), strict=True)}
    heads |= {"n_replicates": "seeds", "variant": "objective"} | {knob: knob_label(knob) for knob in settings}
    columns = [*several, "trial", *heads]
    rows = [[number(row[column]) for column in columns] for row in front.to_dict("records")]
    title = f"Pareto front: {len(front)} of {len(table)} usable trials"
    named = [heads.get(column, column) for column in columns]
    spare = [heads[column] for column in (*others, "n_replicates", *reversed(settings)) if column in heads]
    return Table(title, named, rows, left=("study", "objective", "architecture"), spare=spare)


def variant_table(studies: Studies, keys: tuple[str, str]) -> Table:
    """By kind of objective, of several studies each on its own."""
    found = by_variant(studies, *keys).rename(columns={"variant": "objective"})
    title = "By kind of objective: best and median over its usable trials"
    return Table(title, list(found.columns), table_of(found).rows, left=("study", "objective"), spare=("trials", "usable"))
