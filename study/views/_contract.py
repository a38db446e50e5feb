"""A view sees a folder of pictures in one way, and says how far each picture is from the others: the contract of every file here.

The context is a list of row numbers, by default all rows once, or the rows of a clean reference; a picture never counts as
its own neighbour.  Distances are positive, and only their logarithms are used: a view may choose its unit.

Suffixes: n pictures, m rows of the context, F numbers a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.outlier_scores import Batch, Floats, Rows
from models.plugins import Plugins
from study.datasets import Images
from study.views._plain import plain_statistics
from study.views._shrunk import shrunk

__all__ = ["VIEWS", "Look", "Seen", "View", "bright", "far_from", "look_at", "needed", "say", "title", "where"]

VIEWS = Plugins("study.views", kind="view")


@dataclass(frozen=True)
class Seen:
    """All pictures, those of a reference behind the folder's own.

    images     uint8 (n, C, H, W)
    features   (n, F) of a pretrained network, or None
    codes      what a VAE makes of them, or None
    network    (k, C, H, W) → maps of places (k, F, rows, columns) of a pretrained network, or None
    plain      (n, 6), what each is by itself (`study.views._plain`)
    small      (n, C, h, w) in [0, 1], at most 32 wide (`study.views._shrunk`)
    """

    images: Images
    features: NDArray[np.float32] | None = None
    codes: Batch | None = None
    network: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def plain(self) -> Floats:
        return plain_statistics(self.images)

    @cached_property
    def _mapped(self) -> dict[int, NDArray[np.float32]]:
        return {}

    def maps(self, rows: Rows) -> NDArray[np.float32]:
        """What the network sees at each place of these pictures, (k, F, rows, columns).  It looks at each picture once."""
        assert self.network is not None
        new = np.setdiff1d(rows, list(self._mapped))
        if len(new):
            self._mapped.update(zip(new.tolist(), self.network(self.images[new]), strict=True))
        return np.stack([self._mapped[row] for row in rows.tolist()])

    @cached_property
    def small(self) -> NDArray[np.float32]:
        return shrunk(self.images)


@dataclass(frozen=True)
class Look:
    """distances (n,) > 0; nearest (n, k): rows of the nearest pictures of the context, nearest first; parts (n, F): what a
    distance is made of, where it is a sum or a largest; among (s, s): distances between at most 200 pictures of the context,
    the same ones in every view; some (s,): these pictures, where the view needs them again."""

    distances: Floats
    nearest: Rows | None = None
    parts: Floats | None = None
    among: NDArray[np.float32] | None = None
    some: Rows | None = None


class View(Protocol):
    """A module of `study.views`."""

    TITLE: str
    NEEDS: Literal["images", "features", "codes"]
    SPEAKS: Literal["always", "when sure"]

    def look(self, seen: Seen, context: Rows) -> Look: ...

    def reason(self, seen: Seen, look: Look, row: int) -> str: ...


def needed(name: str) -> str:
    """What the view `name` reads.  Raises `UserError` for an unknown view."""
    return cast(View, VIEWS.load(name)).NEEDS


def look_at(name: str, seen: Seen, context: Rows | None = None) -> Look:
    """The view `name` of all pictures.

    Raises `UserError` for an unknown view, fewer than 3 pictures or 2 of context, or pictures without what it reads.
    """
    view = cast(View, VIEWS.load(name))
    rows = np.arange(len(seen)) if context is None else np.asarray(context, dtype=np.int64)
    if len(seen) < 3 or len(np.unique(rows)) < 2:
        raise UserError(
            f"a view needs at least 3 pictures, and 2 to compare with, but got {len(seen)} and {len(np.unique(rows))}"
        )
    if getattr(seen, view.NEEDS) is None:
        raise UserError(f"the view {name} needs {view.NEEDS}, but there are only pictures")
    look = view.look(seen, rows)
    assert look.distances.shape == (len(seen),) and np.isfinite(look.distances).all(), name
    return look


def say(name: str, seen: Seen, look: Look, row: int) -> str:
    """Why the view `name` finds picture `row` far from the others."""
    return cast(View, VIEWS.load(name)).reason(seen, look, row)


def where(name: str, seen: Seen, look: Look, row: int) -> Floats | None:
    """Where in picture `row` the view `name` finds it unlike others, (H, W) ≥ 0; None of a view that cannot say."""
    told = getattr(VIEWS.load(name), "where", None)
    return None if told is None else cast("Floats | None", told(seen, look, row))


def bright(name: str) -> str:
    """What is bright in the map of the view `name`, in words."""
    return cast(str, VIEWS.load(name).BRIGHT)


def far_from(others: Floats, value: float) -> float:
    """`value` in multiples of the median of `others`."""
    return float(value / max(float(np.median(others)), 1e-12))


def title(name: str) -> str:
    """What the view is called where people read."""
    return cast(View, VIEWS.load(name)).TITLE
