"""What won: the Pareto front, the best of each kind of objective, and choices under a condition."""

from __future__ import annotations

import shlex
from typing import Any

from analysis.reporting.parts import Section, Table, table_of
from analysis.tables.load import Studies, directions_of, shown_name
from analysis.tables.names import ARROWS, knob_label, metric_name, number
from analysis.tables.two_metrics import by_variant, tradeoff_table
from models.errors import UserError
from study.records.folder import StudyFolder
from study.records.winners import best_trials

__all__ = ["choices", "front_table", "variant_table", "won"]


def won(studies: Studies, keys: tuple[str, str]) -> Section:
    """The front, by kind of objective, under a condition."""
    table = tradeoff_table(studies, *keys)
    front = table[table["front"]]
    lead = [
        f"{len(front)} of {len(table)} usable trials are on the front of {metric_name(keys[0])} and {metric_name(keys[1])}: no "
        "other trial is at least as good in both and better in one.",
    ]
    named = choices(studies, *keys)
    tables = [front_table(studies, keys), variant_table(studies, keys)]
    if named:
        rows = [[c["text"], *(number(c[key]) for key in ("trial", *keys)), c["variant"], c["command"]] for c in named]
        columns = ["the best …", "trial", *keys, "objective", "publish it"]
        words = ("the best …", "objective", "publish it")
        trials = [int(c["trial"]) for c in named]
        tables.append(Table("A choice under a condition", columns, rows, left=words, code=("publish it",), trials=trials))
    return Section("The front", lead, tables=tables)


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
    return Table(
        title,
        named,
        rows,
        left=("study", "objective", "architecture"),
        spare=spare,
        trials=[int(trial) for trial in front["trial"]],
    )


def variant_table(studies: Studies, keys: tuple[str, str]) -> Table:
    """By kind of objective, of several studies each on its own."""
    found = by_variant(studies, *keys).rename(columns={"variant": "objective"})
    title = "By kind of objective: best and median over its usable trials"
    return Table(title, list(found.columns), table_of(found).rows, left=("study", "objective"), spare=("trials", "usable"))


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
