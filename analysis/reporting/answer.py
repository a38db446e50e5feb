"""What a command that compares trials leaves behind and says: a table and a figure as files, the table and its caveats on screen.

    deliver(studies, "matched", table, lambda: matched_figure(…), out, as_json)

writes matched.csv and matched.png into the study's own `figures/` (of several studies into `runs/comparisons/<names>/`, or
wherever `--out` says), then prints the table, or with `--json` one document in which what is missing is null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from analysis.figures.style import caption, png, themed
from analysis.reporting.parts import Table, table_of
from analysis.tables.caveats import caveats, provenance
from analysis.tables.load import Studies, home
from models.files import write_atomically
from registry.console import make_console, print_json
from study.records.folder import runs_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["deliver", "notes", "records", "save", "show"]


def deliver(
    studies: Studies,
    name: str,
    table: pd.DataFrame,
    draw: Callable[[], Figure],
    out: Path | None,
    as_json: bool,
    spare: Sequence[str] = (),
) -> None:
    """Write `table` and the figure that `draw` makes as `name`.csv and `name`.png, and print the table.

    spare: columns that a narrow screen may go without, the first to go first.
    """
    files = save(studies, name, table, draw, out)
    if as_json:
        print_json(records(table))
    else:
        show(studies, [replace(table_of(table), spare=spare)], files)


def save(
    studies: Studies,
    name: str,
    table: pd.DataFrame,
    draw: Callable[[], Figure],
    out: Path | None,
    note: str = "",
    medians: bool = True,
) -> list[Path]:
    """The two files' paths, figure first.  note: behind the provenance (of medians, or of seeds) in the figure's small print."""
    target = out or _default_folder(studies)
    with themed():
        figure = draw()
        caption(figure, provenance(studies, medians=medians) + note)
        picture = png(figure)
    write_atomically(target / f"{name}.csv", table.to_csv(index=False))
    write_atomically(target / f"{name}.png", picture)
    return [target / f"{name}.png", target / f"{name}.csv"]


def show(studies: Studies, tables: list[Table], files: list[Path], verdicts: Sequence[str] = ()) -> None:
    """What it rests on, tables, what they say in words, caveats, and where the files are."""
    console = make_console()
    console.print(provenance(studies))
    for table in tables:
        console.print(_grid(table, console.width))
        console.print()
    for line in verdicts:
        console.print(line, soft_wrap=not console.is_terminal, highlight=False, markup=False)
    notes(studies, console)
    for path in files:
        console.print(f"written   {path}")


def notes(studies: Studies, console: Console) -> None:
    """The caveats, wrapped between words on a terminal, one line each in a file."""
    for line in caveats(studies):
        console.print(f"note: {line}", soft_wrap=not console.is_terminal)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON."""
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(column): value for column, value in row.items()} for row in found]


def _default_folder(studies: Studies) -> Path:
    if len(studies.folders) == 1:
        return home(next(iter(studies.folders.values()))) / "figures"
    return runs_folder() / "comparisons" / "+".join(name.replace("/", "-") for name in studies.folders)


def _grid(table: Table, width: int) -> Grid:
    """As wide as the screen allows: where it is narrow, spare columns go, and the title says which."""
    gone: list[str] = []
    spare = [column for column in table.spare if column in table.columns]
    while spare and _width(table, gone) > width:
        gone.append(spare.pop(0))
    left_out = f"  (not shown at this width: {', '.join(gone)})" if gone else ""
    grid = Grid(
        title=f"{table.title}{left_out}", box=None, title_style="bold", header_style="bold", title_justify="left", pad_edge=False
    )
    kept = [place for place, column in enumerate(table.columns) if column not in gone]
    for place in kept:
        grid.add_column(table.columns[place], justify="left" if table.columns[place] in table.left else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(*(row[place] for place in kept))
    return grid


def _width(table: Table, gone: Sequence[str]) -> int:
    kept = [place for place, column in enumerate(table.columns) if column not in gone]
    return sum(max(map(len, (table.columns[place], *(row[place] for row in table.rows)))) + 2 for place in kept) - 2
