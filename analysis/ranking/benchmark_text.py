"""The benchmark's tables for programs (JSON) and for people (Markdown)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.files import write_atomically

__all__ = ["markdown", "plain", "write"]


def write(folder: Path, rows: pd.DataFrame, found: dict[str, pd.DataFrame]) -> None:
    """rows.parquet, batchrank.json, batchrank.md."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / "rows.parquet")
    write_atomically(folder / "batchrank.json", json.dumps(plain(found), indent=1))
    write_atomically(folder / "batchrank.md", markdown(folder.name, rows, found))


def plain(found: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Tables as JSON: {title: {row: {column: value or [mean, low, high]}}}."""

    def cell(value: Any) -> Any:
        return [float(v) for v in value] if isinstance(value, tuple) else None if pd.isna(value) else float(value)

    return {
        title: {_label(key): {column: cell(value) for column, value in row.items()} for key, row in frame.iterrows()}
        for title, frame in found.items()
    }


def markdown(name: str, rows: pd.DataFrame, found: dict[str, pd.DataFrame]) -> str:
    """All tables that are not empty, with what they rest on."""
    seeds = rows.model.nunique()
    only = " One model: the intervals cover batches, not other seeds." if seeds == 1 else ""
    batches = rows.groupby(["cell", "index", "twin"]).ngroups
    lines = [f"# BatchRank on {name}", "", f"{seeds} models, {rows.cell.nunique()} cells, {batches} batches.{only}"]
    lines.append("Means with 95 % t intervals.")
    for title, frame in found.items():
        if frame.empty:
            continue
        lines += [
            "",
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| | " + " | ".join(frame.columns) + " |",
            "|---" * (len(frame.columns) + 1) + "|",
        ]
        lines += [f"| {_label(key)} | " + " | ".join(_text(value) for value in row) + " |" for key, row in frame.iterrows()]
    return "\n".join(lines) + "\n"


def _label(key: object) -> str:
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return str(value)
    return "–" if np.isnan(value) else f"{value:.3f}"
