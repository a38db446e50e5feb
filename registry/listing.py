"""`registry list` for people: a table where it fits the terminal, else a block of two lines a version."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from models.errors import unknown
from registry import views
from registry.console import plain, print_table

__all__ = ["print_listing"]

CLAIMED = " (claimed)"  # beside a model that was imported: nobody has measured its metrics here


def print_listing(rows: Sequence[dict[str, Any]], wanted: str | None) -> None:
    """rows: of `views.listing`.  wanted: metrics, `mig,recon` or `all`; None: what was searched.

    Raises `UserError` for a metric that no row has.
    """
    from rich.console import Console

    shown = _metrics(rows, wanted)
    columns = ["model", "aliases", "data", "budget", "n", *shown, "published"]
    cells = [[*_facts(row), *(_number(row["metrics"].get(key)) for key in shown), row["created"][:10]] for row in rows]
    widths = [max(len(name), *(len(line[index]) for line in cells)) + 2 if cells else 0 for index, name in enumerate(columns)]
    if not sys.stdout.isatty() or sum(widths) <= Console().width:
        print_table(columns, cells)
        return
    console = Console(highlight=False, markup=False)
    for row, line in zip(rows, cells, strict=True):
        model, aliases, data, budget, n, *_ = line
        console.print(model, style="bold", end="")
        console.print(f"  {aliases}" if aliases else "")
        known = [(key, _number(row["metrics"][key])) for key in shown if key in row["metrics"]]
        values = "   ".join(f"{key}\N{NO-BREAK SPACE}{value}" for key, value in known)
        console.print(f"  {data} · {budget} · n\N{NO-BREAK SPACE}= {n} · {row['created'][:10]}")
        if values:
            console.print(textwrap.indent(textwrap.fill(values, console.width - 2, break_on_hyphens=False), "  "))


def _metrics(rows: Sequence[dict[str, Any]], wanted: str | None) -> list[str]:
    known = sorted({key for row in rows for key in row["metrics"]})
    if wanted == "all":
        return known
    if wanted is None:
        return sorted({key for row in rows for key in views.searched(row["metrics"])})
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if rows and name not in known:
            raise unknown("metric", name, known)
    return names


def _facts(row: dict[str, Any]) -> list[str]:
    model = f"{row['name']}@{row['version']}{CLAIMED if row['claimed'] else ''}"
    budget = f"{row['budget']} {row['steps']:,} steps"
    return [model, ", ".join(row["aliases"]), plain(row["dataset"]), plain(budget), str(row["seeds"])]


def _number(value: float | None) -> str:
    """Three significant digits.

    >>> _number(0.051462), _number(112.84), _number(None)
    ('0.0515', '113', '')
    """
    return "" if value is None else f"{value:.3g}"
