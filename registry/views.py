"""What the commands print, as plain data: the JSON of `--json`, from which the tables are made, too."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import did_you_mean
from registry.errors import NotFoundError
from registry.history import Event
from registry.store import Store
from registry.version import Version
from registry.where import Condition, fulfils

__all__ = ["Filter", "alias_moves", "difference", "event_row", "listing", "searched", "sorted_by", "summary"]

FIXED = ("name", "version", "created", "dataset", "study", "trial")  # what a list can be sorted by, besides metrics


@dataclass(frozen=True)
class Filter:
    """Which versions are listed: name is a pattern (`dsprites*`), the others must match exactly; None: any.

    tag    `KEY` or `KEY=VALUE`          where    conditions on metrics, tags and the columns of a row
    """

    name: str | None = None
    alias: str | None = None
    study: str | None = None
    dataset: str | None = None
    tag: str | None = None
    where: Sequence[Condition] = ()

    def accepts(self, row: dict[str, Any]) -> bool:
        return (
            (self.name is None or fnmatch.fnmatchcase(row["name"], self.name))
            and (self.alias is None or self.alias in row["aliases"])
            and (self.study is None or row["study"] == self.study)
            and (self.dataset is None or row["dataset"] == self.dataset)
            and (self.tag is None or _tagged(row["tags"], self.tag))
            and fulfils(self.where, values(row))
        )


def listing(store: Store, wanted: Filter) -> tuple[list[dict[str, Any]], list[str]]:
    """One row a version that the filter accepts, by name, newest first; and one line for each that cannot be read, and for each
    condition on what no version has: most likely a typing error."""
    rows, damage = [], []
    for name in store.names():
        entries, unreadable = store.entries(name)
        damage += unreadable
        rows += [summary(entry.version, entry.facts, entry.aliases, entry.tags) for entry in entries]
    known = {key for row in rows for key in values(row)} if wanted.where else set()
    damage += [
        f"no version has {condition.name!r}{did_you_mean(condition.name, sorted(known))}"
        for condition in wanted.where
        if rows and condition.name not in known
    ]
    return [row for row in rows if wanted.accepts(row)], damage


def values(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a condition can name: columns, tags and metrics of a row."""
    return {**row, **row["tags"], **row["metrics"]}


def _tagged(tags: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in tags and (not equals or tags[key] == value)


def sorted_by(rows: list[dict[str, Any]], key: str, ascending: bool) -> list[dict[str, Any]]:
    """By a metric or by one of `FIXED`, largest first unless `ascending`.

    By a metric those that were measured go before those that are claimed; rows without a value come last.
    """
    known = sorted({metric for row in rows for metric in row["metrics"]})
    if rows and key not in FIXED and key not in known:
        raise NotFoundError(f"cannot sort by {key!r}: choose one of {', '.join([*FIXED, *known])}")
    values = {id(row): row[key] if key in FIXED else row["metrics"].get(key) for row in rows}
    there = [row for row in rows if values[id(row)] is not None]
    missing = [row for row in rows if values[id(row)] is None]
    as_text = any(isinstance(values[id(row)], str) for row in there)
    there.sort(key=lambda row: str(values[id(row)]) if as_text else values[id(row)], reverse=not ascending)
    if key not in FIXED:
        there.sort(key=lambda row: bool(row["claimed"]))
    return there + missing


def searched(metrics: Mapping[str, float]) -> list[str]:
    """The metrics that decided: those that were measured on test images, too; of a model that has none, at most three.

    >>> searched({"kl": 9.0, "mig": 0.2, "recon": 80.0, "test_mig": 0.2, "test_recon": 81.0})
    ['mig', 'recon']
    """
    tested = [key for key in metrics if f"test_{key}" in metrics]
    return sorted(tested or [key for key in ("negative_elbo", "recon", "kl") if key in metrics] or list(metrics)[:3])


def summary(version: Version, facts: Mapping[str, Any], aliases: list[str], tags: Mapping[str, str]) -> dict[str, Any]:
    """One version in short.  facts: its `Version.facts`."""
    lineage = facts["lineage"]
    return {
        "name": version.name,
        "version": version.number,
        "aliases": aliases,
        "metrics": facts["metrics"],
        "claimed": version.claimed,
        "created": facts["created"],
        "dataset": lineage["dataset"]["name"],
        "study": lineage["study"],
        "trial": lineage["trial"],
        "seeds": lineage.get("seeds", 1),
        "budget": lineage["budget"]["name"],
        "steps": lineage["budget"]["steps"],
        "tags": dict(tags),
        "digest": version.digest,
    }


def event_row(event: Event) -> dict[str, Any]:
    """One event, flat."""
    first = {"time": event.time, "name": event.name, "version": event.version, "event": event.kind, "by": event.by}
    return first | {"details": event.details}


def alias_moves(events: Sequence[Event], number: int) -> list[dict[str, Any]]:
    """How aliases came to this version and went, oldest first.  from, to: version numbers; None: it was not there."""
    moves = [event for event in events if event.kind == "alias"]
    return [
        {"time": move.time, "by": move.by, **{key: move.details[key] for key in ("alias", "from", "to")}}
        for move in moves
        if number in (move.details["from"], move.details["to"])
    ]


def difference(a: Version, b: Version) -> dict[str, list[Any]]:
    """What differs between two manifests: dotted path → [value in a, value in b]; None where it is missing."""
    left, right = (dict(_flat("", version.manifest.model_dump(mode="json"))) for version in (a, b))
    paths = [*left, *(path for path in right if path not in left)]
    return {path: [left.get(path), right.get(path)] for path in paths if left.get(path) != right.get(path)}


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value
