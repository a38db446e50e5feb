"""Published models as marks beside a study's trials: `NAME`, `NAME@ALIAS` or `NAME@3` of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.tables.load import Studies
from models.errors import UserError

__all__ = ["adopted", "references"]


def adopted(registry: str | Path, studies: Studies, keys: Sequence[str]) -> list[str]:
    """The newest versions of adopted models (`study.adopt`) that know the studies' pictures and have these metrics."""
    from registry.place import open_store

    store = open_store(registry)
    known = {record.dataset["digest"].removeprefix("sha256:") for record in studies.records.values()}
    found = []
    for name in store.names():
        version = store.resolve(name)
        manifest = version.manifest
        same = known == {manifest.lineage.dataset.digest.removeprefix("sha256:")}
        if "adopted" in manifest.tags and same and set(keys) <= set(manifest.metrics):
            found.append(str(version))
    return found


def references(models: Sequence[str], registry: str | Path, studies: Studies, keys: Sequence[str]) -> pd.DataFrame:
    """One row a model: `model` (NAME@3), these metrics, `steps`.

    Their metrics are of validation images, like the trials', but of as many as they were published with.

    Raises `UserError` for a model that is not there, lacks a metric, or knows other pictures than the studies.
    """
    from registry.place import open_store

    store, rows = open_store(registry), []
    known = {record.dataset["digest"].removeprefix("sha256:") for record in studies.records.values()}
    for reference in models:
        version = store.resolve(reference)
        manifest = version.manifest
        digest = manifest.lineage.dataset.digest.removeprefix("sha256:")
        if known != {digest}:
            raise UserError(f"a reference must know the studies' pictures, digest {', '.join(sorted(d[:12] for d in known))}, "
                            f"but {version} has {digest[:12]}")  # fmt: skip
        lacking = [key for key in keys if key not in manifest.metrics]
        if lacking:
            raise UserError(f"a reference must have {' and '.join(keys)}, but {version} lacks {', '.join(lacking)}")
        rows.append(
            {"model": str(version), **{key: manifest.metrics[key] for key in keys}, "steps": manifest.lineage.budget.steps}
        )
    return pd.DataFrame(rows, columns=["model", *keys, "steps"])
