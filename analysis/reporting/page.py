"""The report: one HTML page about one study."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.reporting import findings, models, search
from analysis.reporting.odd_pictures import outlier_section
from analysis.reporting.parts import Section, Table
from analysis.reporting.selection import label_free
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import Studies, shown_name
from analysis.tables.names import metric_name, number
from analysis.tables.two_metrics import metric_pair, tradeoff_table
from models.errors import UserError
from study.records.pareto import nearest_ideal

__all__ = ["report"]


def report(studies: Studies, data: Path | None = None, registry: Path | None = None) -> str:
    """The page of one study as HTML."""
    if len(studies.folders) != 1:
        raise UserError(f"a report is about one study, but got {len(studies.folders)}; compare several with analysis.tradeoff")
    keys = _keys(studies)
    front = tradeoff_table(studies, *keys) if keys else studies.trials.iloc[:0]
    front = front[front["front"]] if keys else front
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html").render(
        title=next(iter(studies.folders)),
        facts=_facts(studies),
        verdict=_verdict(studies, front, keys),
        notes=caveats(studies),
        sections=_sections(studies, front, keys, data, registry),
    )


def _sections(
    studies: Studies, front: pd.DataFrame, keys: tuple[str, str] | None, data: Path | None, registry: Path | None
) -> list[Section]:
    front_trials = studies.trials[studies.trials["trial"].isin(front["trial"])].set_index("trial").loc[list(front["trial"])]
    told: list[Section | None] = [search.searched(studies), search.won(studies, keys), search.tradeoff(studies, keys)]
    if keys:
        told += [findings.at_equal_kl(studies, keys), findings.knob_effects(studies, keys)]
        told += [findings.training(studies, front), findings.seeds(studies, keys)]
        told += [models.models(studies, front_trials.reset_index(), data), findings.agreement(studies)]
        told += [label_free(studies)]
    told += [outlier_section(studies), models.published(studies, registry), _all_trials(studies), _reproduce(studies)]
    return [section for section in told if section is not None]


def _keys(studies: Studies) -> tuple[str, str] | None:
    """The two metrics of the page; None while no usable trial has two."""
    try:
        return metric_pair(studies)
    except UserError:
        return None


def _facts(studies: Studies) -> list[tuple[str, str]]:
    (record,) = studies.records.values()
    return [
        ("space", record.space),
        ("data", f"{record.dataset['name']} ({record.dataset['source']}, {record.dataset['digest'][:8]})"),
        ("budget", f"{record.budget_name}, {record.budget.steps:,} steps"),
        ("trials", f"{len(studies.usable)} usable of {record.trials}"),
        ("seeds", f"n = {record.replicates}"),
        ("started", record.started[:16].replace("T", " ")),
        ("hardware", f"{record.hardware.get('device', '?')}, {record.hardware.get('name', '?')}"),
    ]


def _verdict(studies: Studies, front: pd.DataFrame, keys: tuple[str, str] | None) -> str:
    """The one sentence to take away: the compromise, and the two ends of the front."""
    if keys is None:
        return "No trial has given a usable model yet."
    x, y = keys
    best = front.iloc[nearest_ideal(front[[x, y]].to_numpy(dtype=float), list(studies.metrics.loc[[x, y], "direction"]))]
    ends = [
        f"best {metric_name(key)} {number(row[key], 4)} (trial {int(row['trial'])}, {row['variant']})"
        for key, row in ((x, front.iloc[0]), (y, front.iloc[-1]))
    ]
    values = ", ".join(f"{metric_name(key)} {number(best[key], 4)}" for key in keys)
    middle = f"trial {int(best['trial'])} ({best['variant']}): {values}"
    return f"The compromise nearest the ideal point is {middle}. Ends of the front: {'; '.join(ends)}. {provenance(studies)}."


def _all_trials(studies: Studies) -> Section:
    """Every trial with its metrics and outcome."""
    keys = studies.measured
    columns = ["trial", "status", "variant", *keys, "architecture", "latent_dim", "learning_rate", "train_seconds", "reason"]
    shown = [column for column in columns if column in studies.trials.columns]
    rows = [[number(row[column], 4) for column in shown] for row in studies.trials.to_dict("records")]
    table = Table("All trials", shown, rows, left=("status", "variant", "architecture", "reason"), folded=True)
    return Section("All trials", [f"{len(rows)} trials; what a trial does not have is –."], tables=[table])


def _reproduce(studies: Studies) -> Section:
    ((_, folder),) = studies.folders.items()
    record = folder.record
    name = shown_name(folder)
    commit = (
        f"commit {record.git['commit'][:12]}{', with changes' if record.git.get('dirty') else ''}"
        if record.git
        else "no checkout"
    )
    lead = [
        f"Root seed {record.seed}, {commit}. Same seed and machine kind give the same numbers.",
        "Versions: " + ", ".join(f"{library} {version}" for library, version in record.versions.items()) + ".",
        "Hardware: " + ", ".join(f"{key} {value}" for key, value in json.loads(json.dumps(record.hardware)).items()) + ".",
    ]
    commands = [
        ("the study", record.command),
        ("more trials", f"python -m study.run --extend {name} --trials 16"),
        ("this page", f"python -m analysis.report {name}"),
        ("the trade-off as table and figure", f"python -m analysis.tradeoff {name}"),
        ("the search in Optuna's dashboard", f"optuna-dashboard {folder.journal}"),
        ("training curves in TensorBoard", f"tensorboard --logdir {folder.path / 'tune'}"),
    ]
    return Section("Reproduce it", lead, commands=commands)
