"""What a page is made of: chapters of sections with paragraphs, figures, tables, cards, commands; plain data for the template."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.figures.style import new_figure, svg, themed
from analysis.tables.names import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FEW", "Card", "Chapter", "Picture", "Section", "Table", "picture", "sheet", "table_of"]

_numbers = itertools.count()

FEW = 6
"""Points below which a page says a sentence instead of drawing a chart."""


@dataclass(frozen=True)
class Picture:
    """svg: the element itself.  alt: what a screen reader says."""

    svg: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Table:
    """Cells are texts.  left: columns that hold words, aligned left; code: those that hold commands; spare: those that a
    narrow terminal does without, the first to go first.  trials: which trial each row is about, for links.  sortable: by a click
    on a column's head, and with a filter."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[str] = ()
    code: Sequence[str] = ()
    spare: Sequence[str] = ()
    folded: bool = False
    trials: Sequence[int] = ()
    sortable: bool = False


@dataclass(frozen=True)
class Card:
    """One trial, where links to it lead.  facts: (name, value)."""

    trial: int
    title: str
    facts: Sequence[tuple[str, str]]
    pictures: Sequence[Picture]
    commands: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """lead: paragraphs; points: a list below them; commands: (what for, command line)."""

    title: str
    lead: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    commands: Sequence[tuple[str, str]] = ()
    cards: Sequence[Card] = ()


@dataclass(frozen=True)
class Chapter:
    """What a reader comes for, one word in the page's navigation."""

    name: str
    sections: Sequence[Section]


def table_of(frame: pd.DataFrame, title: str = "") -> Table:
    """A frame's cells as texts of three significant digits; columns of words are aligned left."""
    words = [str(column) for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    rows = [[number(cell) for cell in row] for row in frame.itertuples(index=False)]
    return Table(title, [str(column) for column in frame.columns], rows, words)


def picture(draw: Callable[..., Any], caption: str, *, size: tuple[float, float] = (8, 4), axes: int = 1) -> Picture:
    """A figure of `axes` columns (inches), drawn by draw(ax) or draw(ax, ax, …)."""
    with themed(page=True):
        figure = new_figure(*size)
        made: Axes | Sequence[Axes] = figure.subplots(1, axes)
        draw(made) if axes == 1 else draw(*made)  # type: ignore[misc]
        return Picture(svg(figure, f"f{next(_numbers)}"), caption, caption.partition(".")[0])


def sheet(draw: Callable[[], Figure], caption: str) -> Picture:
    """A sheet of images that draws its own figure."""
    with themed(page=True):
        return Picture(svg(draw(), f"f{next(_numbers)}", tight=True), caption, caption.partition(".")[0])
