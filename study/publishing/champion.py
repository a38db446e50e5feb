"""Which version is the `champion` of its name, the one that people load without choosing; and why.

A champion has learnt something, in a run that was meant to.  One seed never stands where several do, however long it was trained
(`--confirm` says how good it is); then a longer training goes before, and more seeds at the same length; between equals it must
be better in one searched metric and worse in none.  By hand, `python -m registry promote` decides otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from registry.errors import DamagedError, NotFoundError
from registry.shelf import Shelf
from registry.version import Version
from study.metrics import direction
from study.records.outcome import SAYS_NOTHING
from study.records.pareto import pareto_front

__all__ = ["move_aliases"]

SMOKE = "smoke"  # the budget that every space has for seeing the steps work


def move_aliases(store: Shelf, name: str, best: Version, metrics: Sequence[str]) -> str:
    """`candidate` to this version, and `champion` if it has earned it; returns one line that says what became of `champion`."""
    store.set_alias(name, best.number, "candidate")
    number = store.aliases(name).get("champion")
    try:
        champion = None if number is None else store.resolve(name, number)
        moves, why = _verdict(best, champion, metrics)
    except (DamagedError, NotFoundError):
        moves, why = _flaw(best) is None, _flaw(best) or f"version {number} is lost or damaged"
    if moves:
        store.set_alias(name, best.number, "champion", expect=number)
        return f"champion is now version {best.number}: {why}"
    return f"no champion yet: {why}" if number is None else f"champion stays version {number}: {why}"


def _verdict(new: Version, champion: Version | None, metrics: Sequence[str]) -> tuple[bool, str]:
    """Whether the new version takes the place, and why, or why not."""
    flaw = _flaw(new)
    if flaw:
        return False, f"version {new.number} {flaw}"
    if champion is None:
        return True, "the first one"
    if new.number == champion.number:
        return False, "it is the one just published"
    if flaw := _flaw(champion):
        return True, f"version {champion.number} {flaw}"
    ours, theirs = new.manifest.lineage, champion.manifest.lineage
    if ours.dataset.digest != theirs.dataset.digest:
        return False, f"version {new.number} was trained on other pictures ({ours.dataset.source})"
    if (ours.seeds == 1) != (theirs.seeds == 1):
        return theirs.seeds == 1, f"{max(ours.seeds, theirs.seeds)} seeds go before one (--confirm trains fresh ones)"
    if ours.budget.name != theirs.budget.name:
        longer = ours.budget.steps > theirs.budget.steps
        return (
            longer,
            f"{max(ours.budget.steps, theirs.budget.steps):,} steps go before {min(ours.budget.steps, theirs.budget.steps):,}",
        )
    if ours.seeds != theirs.seeds:
        return ours.seeds > theirs.seeds, f"{max(ours.seeds, theirs.seeds)} seeds go before {min(ours.seeds, theirs.seeds)}"
    searched = ", ".join(metrics)
    if _dominates(new, champion, metrics):
        return True, f"better than version {champion.number} in {searched}, and worse in none"
    return False, f"version {new.number} is not better in {searched} at once"


def _flaw(version: Version) -> str | None:
    """What keeps a version from being anybody's champion."""
    lineage, kl = version.manifest.lineage, version.manifest.metrics.get("kl")
    if lineage.budget.name == SMOKE:
        return f"was trained for {lineage.budget.steps:,} steps ({SMOKE}), to see every step work"
    if kl is not None and kl < SAYS_NOTHING:
        return f"says nothing of a picture (KL {kl:.2g} nats)"
    return None


def _dominates(a: Version, b: Version, metrics: Sequence[str]) -> bool:
    values: list[list[Any]] = [[version.manifest.metrics.get(metric) for metric in metrics] for version in (a, b)]
    if any(value is None for row in values for value in row):
        return False
    directions = [direction(metric) for metric in metrics]
    return pareto_front(np.array(values, dtype=float), directions) == [0]
