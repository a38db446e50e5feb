"""`python -m analysis.matched STUDY… --knob KNOB`: what one knob does, between trials that differ in nothing else.

A grid (`--sampler list`) holds trials that are equal but for one knob; their differences need no model of the other knobs.
For each metric, the difference of the knob's two values within every setting of the other knobs.  Seeds (studies of the same
grid with another `--seed`) are first reduced to the setting's median, since they are no new settings; then

    median      of the settings' differences, with its bootstrap interval over settings
    better      in how many settings the second value is better
    p           of the two-sided sign test (Dixon & Mood 1946, JASA 41:557): how often a coin does so well or badly

    matched.csv, matched.png    in the study's `figures/`, or wherever `--out` says
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.stats import binomtest

from analysis.figures.style import caption, legend_outside, new_figure, png, say_empty, themed
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import Studies, knobs, load_study
from analysis.tables.names import axis_label, find_metric, knob_label, number
from analysis.tables.tradeoff import output_folder
from models.errors import UserError
from models.files import write_atomically
from registry.console import AsJson, command_line, print_json, print_table, run
from study.records.intervals import median_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["matched_figure", "matched_settings", "matched_table"]

app = command_line("What one knob does, between trials that differ in nothing else.")

COLUMNS = ("metric", "from", "to", "median", "low", "high", "better", "settings", "pairs", "p")


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; seeds of one grid.")],
    knob: Annotated[str | None, typer.Option(help="The knob, e.g. capacity/gamma_ratio (required).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the table; write it and the figure."""
    loaded = load_study(*studies)
    chosen = _knob(loaded, knob)
    settings = {metric: matched_settings(loaded.distinct, chosen, metric) for metric in loaded.measured}
    table = matched_table(settings)
    if table.empty:
        raise UserError(f"no two usable trials differ in {chosen} alone: a grid has such trials (--sampler list)")
    target = out or output_folder(loaded)
    write_atomically(target / "matched.csv", table.to_csv(index=False))
    with themed():
        figure = matched_figure({key: settings[key] for key in loaded.searched or loaded.measured[:2]}, chosen)
        caption(figure, f"{provenance(loaded)}; one line a setting of the other knobs, medians over seeds")
        write_atomically(target / "matched.png", png(figure))
    if as_json:
        return print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
    print_table(COLUMNS, [[number(cell) for cell in row] for row in table.itertuples(index=False)])
    for line in caveats(loaded):
        print(f"note: {line}")
    return print(target / "matched.png")


def matched_settings(trials: pd.DataFrame, knob: str, metric: str) -> pd.DataFrame:
    """One row a setting of the other knobs that has the metric at two or more values of `knob`; a column a value of the knob.

    Values are medians over the trials of a setting (its seeds); the column `pairs` is the fewest trials at one of its values.
    """
    if not {knob, metric} <= set(trials.columns):
        return pd.DataFrame()
    others = [other for other in knobs(trials) if other != knob]
    rows = trials.dropna(subset=[knob, metric])
    named = others if rows["setting"].nunique() == 1 else ["setting", *others]
    keys = list(rows[named].itertuples(index=False, name=None))
    labels = {str(key): " · ".join(map(number, key)) for key in keys}  # rounded for people, whole for matching
    cells = rows.assign(key=[str(key) for key in keys])
    wide = cells.pivot_table(index="key", columns=knob, values=metric, aggfunc="median")
    counts = cells.pivot_table(index="key", columns=knob, values=metric, aggfunc="count")
    whole = wide.notna().sum(axis=1) >= 2
    return wide[whole].assign(pairs=counts[whole].min(axis=1).astype(int)).rename(index=labels)


def matched_table(settings: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """settings: of `matched_settings`, by metric.  One row a metric and pair of the knob's values."""
    rows = [
        _row(metric, wide, low, high)
        for metric, wide in settings.items()
        for low, high in itertools.combinations(_values(wide), 2)
        if wide[[low, high]].notna().all(axis=1).any()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def matched_figure(settings: dict[str, pd.DataFrame], knob: str) -> Figure:
    """One panel a metric: a line a setting, over the knob's values."""
    figure = new_figure(4.2 * len(settings) + 1.8, 3.6)
    for ax, (metric, wide) in zip(figure.subplots(1, len(settings), squeeze=False)[0], settings.items(), strict=True):
        _panel(ax, metric, wide, knob)
    legend_outside(ax)
    return figure


def _panel(ax: Axes, metric: str, wide: pd.DataFrame, knob: str) -> Axes:
    if wide.empty:
        return say_empty(ax, f"no two usable trials with {metric} differ in {knob} alone")
    values = _values(wide)
    for setting, row in wide.iterrows():
        ax.plot(range(len(values)), [row[value] for value in values], "o-", alpha=0.8, label=setting)
    ax.set_xticks(range(len(values)), [number(value) for value in values])
    ax.set_xlim(-0.3, len(values) - 0.7)
    ax.set_xlabel(knob_label(knob))
    ax.set_ylabel(axis_label(metric))
    return ax


def _row(metric: str, wide: pd.DataFrame, low: Any, high: Any) -> dict[str, Any]:
    """From the knob's value `low` to `high`, over the settings that have both."""
    both = wide.dropna(subset=[low, high])
    change = (both[high] - both[low]).to_numpy(dtype=np.float64)
    declared = find_metric(metric)
    falls = declared is not None and declared.direction == "minimize"
    better, moved = int((change < 0).sum() if falls else (change > 0).sum()), int((change != 0).sum())
    span = median_interval(change)
    p = binomtest(better, moved).pvalue if moved else 1.0
    found = {"metric": metric, "from": low, "to": high, "median": span.median, "low": span.low, "high": span.high}
    return found | {"better": better, "settings": len(change), "pairs": int(both["pairs"].sum()), "p": float(p)}


def _values(wide: pd.DataFrame) -> list[Any]:
    return [column for column in wide.columns if column != "pairs"]


def _knob(studies: Studies, asked: str | None) -> str:
    """Raises `UserError` for a knob that did not vary, with those that did."""
    varied: Sequence[str] = knobs(studies.usable)
    if asked is None or asked not in varied:
        raise UserError(f"--knob must be one that varied ({', '.join(varied) or 'none did'}), but got {asked}")
    return asked


if __name__ == "__main__":
    run(app)
