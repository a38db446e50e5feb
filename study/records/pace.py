"""Work that is repeated while something else goes on, as often as a share of the time allows, whatever it costs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Pace"]


class Pace:
    """Of one kind of work.  share: the part of the time that it may take, as its last repetition took."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.last, self.cost = -math.inf, 0.0

    @property
    def due(self) -> bool:
        """Whether doing it now would keep to its share."""
        return time.monotonic() - self.last >= self.cost / self.share

    @contextmanager
    def spending(self) -> Iterator[None]:
        """It is done in here."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.last = time.monotonic()
            self.cost = self.last - began
