"""The report: one HTML page about one study.

    first screen   the verdict, what the winner redraws, the front, how sure this is
    chapters       Won, Trade-off, Models, Doubts, Search, in the order of what a reader needs to decide

Charts are SVG drawn once: they print, follow the page into the dark, are read by screen readers, and each point is a link to its
trial, also without scripts.  `page.js` adds what a picture cannot: the trial under the pointer with its redrawings, the same
trial marked in all charts, a filter.  Tables are sorted by sortable-tablesort (public domain, 3 kB, by keyboard, too).
A charting library was weighed and left out: Vega-Lite's bundle is 898 kB and Plotly's basic one 1.1 MB beside a page of 800 kB;
both draw anew what is drawn already, and need scripts for the first picture.
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.reporting import findings, search
from analysis.reporting.beside_published import beside_published
from analysis.reporting.first_screen import alive, dead, first_screen
from analysis.reporting.front_models import Gallery, cards, gallery, published, thumbnails
from analysis.reporting.odd_pictures import outlier_section
from analysis.reporting.parts import Chapter, Section, Table
from analysis.reporting.selection import label_free
from analysis.reporting.won import won
from analysis.reporting.worth import worth
from analysis.tables.caveats import caveats
from analysis.tables.load import Studies, knobs, shown_name
from analysis.tables.names import knob_label, metric_name, number
from analysis.tables.two_metrics import metric_pair, tradeoff_table
from models.errors import UserError

__all__ = ["report"]

FOLDER = Path(__file__).parent
LINK = re.compile(r'<a xlink:href="#trial-(\d+)"[^>]*>')


def report(studies: Studies, data: Path | None = None, registry: Path | None = None) -> str:
    """The page of one study as HTML."""
    if len(studies.folders) != 1:
        raise UserError(f"a report is about one study, but got {len(studies.folders)}; compare several with analysis.tradeoff")
    everything, studies = studies, alive(studies)
    keys = _keys(studies)
    front = _front(studies, keys)
    found = gallery(studies, front, data)
    texts = _texts(studies)
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("report.html").render(
        title=next(iter(studies.folders)),
        facts=_facts(studies),
        first=first_screen(studies, keys, found),
        chapters=_chapters(studies, everything, front, keys, found, registry),
        thumbnails=thumbnails(studies, found),
        texts=texts,
        carded=set(front["trial"].astype(int)),
        script=(FOLDER / "page.js").read_text() + (FOLDER / "sortable.js").read_text(),
    )
    return _titled(page, texts)


def _front(studies: Studies, keys: tuple[str, str] | None) -> pd.DataFrame:
    """Rows of the trial table that are on the front, best first metric first."""
    if keys is None:
        return studies.trials.iloc[:0]
    table = tradeoff_table(studies, *keys)
    trials = studies.trials.set_index("trial", drop=False)
    return trials.loc[list(table.loc[table["front"], "trial"])].reset_index(drop=True)


def _chapters(
    studies: Studies,
    everything: Studies,
    front: pd.DataFrame,
    keys: tuple[str, str] | None,
    found: Gallery,
    registry: Path | None,
) -> list[Chapter]:
    doubts = [Section("What to know before believing a number", points=_doubts(everything))]
    told: dict[str, list[Section | None]] = {"Won": [], "Trade-off": [], "Models": [], "Doubts": [*doubts], "Search": []}
    if keys:
        told["Won"] = [] if dead(studies.usable).all() else [won(studies, keys)]
        told["Trade-off"] = [beside_published(studies, keys, registry), findings.at_equal_kl(studies, keys)]
        told["Trade-off"] += [findings.agreement(studies)]
        told["Models"] = [cards(studies, front, found)]
        told["Doubts"] += [worth(studies), findings.seeds(studies, keys), label_free(studies)]
    told["Models"] += [published(studies, registry), outlier_section(studies)]
    told["Search"] = [search.searched(studies, keys)]
    if keys:
        told["Search"] += [findings.knob_effects(studies, keys), findings.training(studies, front)]
    told["Search"] += [_all_trials(everything, front), _reproduce(studies)]
    chapters = [Chapter(name, [section for section in sections if section is not None]) for name, sections in told.items()]
    return [chapter for chapter in chapters if chapter.sections]


def _doubts(studies: Studies) -> list[str]:
    """The caveats; how many models are dead."""
    count = int(dead(studies.usable).sum())
    told = f"{count} of {len(studies.usable)} usable models say nothing of a picture (KL near 0); they win nothing here"
    return [*caveats(studies), *([told] if count else [])]


def _titled(page: str, texts: dict[int, str]) -> str:
    """Every linked point of a chart says which trial it is: the tooltip without scripts, the name for a screen reader."""

    def titled(found: re.Match[str]) -> str:
        text = html.escape(texts.get(int(found[1]), f"trial {found[1]}"))
        return f'<a href="#trial-{found[1]}" xlink:href="#trial-{found[1]}" aria-label="{text}"><title>{text}</title>'

    head, body, rest = page.partition("<body>")
    return head + body + LINK.sub(titled, rest)


def _texts(studies: Studies) -> dict[int, str]:
    """A line a trial: status, metrics, knobs."""
    shown = [*studies.measured, *knobs(studies.trials)]
    lines = {}
    for row in studies.trials.to_dict("records"):
        parts = [
            f"{metric_name(key) if key in studies.measured else knob_label(key)} {number(row[key])}"
            for key in shown
            if row[key] is not None and row[key] == row[key]
        ]
        lines[int(row["trial"])] = f"trial {int(row['trial'])}, {row['status']}: " + ", ".join(parts)
    return lines


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


def _all_trials(studies: Studies, front: pd.DataFrame) -> Section:
    """Every trial with its metrics and outcome."""
    keys = studies.measured
    columns = ["trial", "status", "variant", *keys, "architecture", "latent_dim", "learning_rate", "train_seconds", "reason"]
    shown = [column for column in columns if column in studies.trials.columns]
    rows = [[number(row[column]) for column in shown] for row in studies.trials.to_dict("records")]
    words, trials = ("status", "variant", "architecture", "reason"), [int(trial) for trial in studies.trials["trial"]]
    table = Table("", shown, rows, left=words, trials=trials, sortable=True)
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
        ("the search in Optuna's dashboard", f"optuna-dashboard {folder.storage}"),
        ("training curves in TensorBoard", f"tensorboard --logdir {folder.path / 'tune'}"),
    ]
    return Section("Reproduce it", lead, commands=commands)
