"""`python -m analysis.matched STUDY… --knob KNOB`: what one knob does, seed by seed, between trials that differ in nothing else.

For each value of the knob every metric's median over seeds; for each metric and two values, the difference over settings with its
interval, Holm's p over the metrics, the power and what could have been detected (`analysis.tables.pairs`); how often each value's
trainings collapse.  Of more than four values, each is compared with the first.  A paired study knows its knob.

    matched.csv, matched_arms.csv, matched_fates.csv, matched.png    in the study's `figures/`, or wherever `--out` says
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.console import AsJson, command_line, print_json, run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["app"]

SPARE = ("low_like", "high_like", "power", "p", "settings", "better")

app = command_line(
    "What one knob does, seed by seed, between trials that differ in nothing else.",
    "python -m analysis.matched my_paired_study",
    "python -m analysis.matched my_grid my_grid_seed_1 --knob capacity/gamma_ratio",
)


@app.command()
def main(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names under runs/, or paths; seeds of one grid.")],
    knob: Annotated[str | None, typer.Option(help="The knob, e.g. capacity/gamma_ratio (default: the paired one).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (default: the study's figures/).")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the tables and what they say; write them and the forest plot."""
    from analysis.figures.forest import forest_figure
    from analysis.reporting.answer import records, save, show
    from analysis.reporting.parts import table_of
    from analysis.tables.load import load_study
    from analysis.tables.pairs import arm_table, chosen_knob, fates, matched_table, matched_verdicts, paired_seeds
    from models.errors import UserError
    from models.files import write_atomically

    loaded = load_study(*studies)
    chosen = chosen_knob(loaded, knob)
    seeds = paired_seeds(loaded, chosen)
    table, lost = matched_table(seeds, loaded.measured), fates(seeds)
    if table.empty:
        raise UserError(f"no two usable trials differ in {chosen} alone: a grid has such trials (--sampler list)")
    drawn = [metric for metric in loaded.searched if metric in set(table["metric"])] or [str(table["metric"].iloc[0])]
    note = " · dots are seeds, diamonds all settings (thin: for others like them)"
    files = save(loaded, "matched", table, lambda: forest_figure(seeds, chosen, drawn), out, note, medians=False)
    arms = arm_table(seeds, loaded.measured)
    for beside, frame in (("matched_arms.csv", arms), ("matched_fates.csv", lost)):
        files.append(files[0].with_name(beside))
        write_atomically(files[-1], frame.to_csv(index=False))
    verdicts = matched_verdicts(table, drawn)
    if as_json:
        print_json(
            {"knob": chosen, "arms": records(arms), "differences": records(table), "fates": records(lost), "verdicts": verdicts}
        )
        return
    differences = replace(table_of(table, f"Differences between values of {chosen}"), spare=SPARE)
    title = "Medians over usable seeds [95 % interval, or the range of fewer than six]"
    medians = replace(table_of(_for_people(arms), title), spare=[name for name in reversed(loaded.measured) if name not in drawn])
    show(loaded, [medians, differences, table_of(lost, "What became of the seeds")], files, verdicts)


def _for_people(arms: pd.DataFrame) -> pd.DataFrame:
    """An `arm_table` with a metric's median and interval in one cell, without the setting where there is only one."""
    from analysis.tables.names import number

    spans = [column.removesuffix("_low") for column in map(str, arms.columns) if column.endswith("_low")]
    shown = arms.drop(columns=[f"{name}_{end}" for name in spans for end in ("low", "high")])
    for name in spans:
        cells = zip(*(arms[column].map(number) for column in (name, f"{name}_low", f"{name}_high")), strict=True)
        shown[name] = [median if low == "–" else f"{median} [{low}, {high}]" for median, low, high in cells]
    return shown.drop(columns="setting") if arms["setting"].nunique() == 1 else shown


if __name__ == "__main__":
    run(app)
