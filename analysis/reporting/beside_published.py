"""Rates and distortions of the trials, beside those of published models where the registry has any of the same pictures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.figures.rate_distortion import rate_distortion
from analysis.reporting.parts import FEW, Section, Table, picture
from analysis.tables.load import Studies, directions_of
from analysis.tables.names import ARROWS, number
from analysis.tables.references import adopted, references
from analysis.tables.two_metrics import front_rows
from registry.place import registry_place

__all__ = ["beside_published"]

PLANE = ("kl", "recon")


def beside_published(studies: Studies, keys: tuple[str, str], registry: Path | None = None) -> Section | None:
    """The rate–distortion plane, and a table of the front with `published: …` rows; None without KL or without enough trials."""
    if not set(PLANE) <= set(studies.measured):
        return None
    place = registry_place(registry)
    marks = references(adopted(place, studies, [*PLANE, *keys]), place, studies, list(dict.fromkeys([*PLANE, *keys])))
    if len(studies.usable) < FEW and marks.empty:
        return None
    text = "Dashed lines join models of equal negative ELBO: along one they differ only in how much goes through the latents."
    drawn = picture(lambda ax: rate_distortion(studies.trials, marks, ax=ax), text, size=(7.6, 3.9))
    return Section("Rate and distortion", pictures=[drawn], tables=[] if marks.empty else [_table(studies, keys, marks)])


def _table(studies: Studies, keys: tuple[str, str], marks: pd.DataFrame) -> Table:
    """The front's trials, then the published models; both by the first metric."""
    shown = list(dict.fromkeys([*keys, *PLANE]))
    (record,) = studies.records.values()
    front = front_rows(studies.trials, *keys)
    rows = [[f"trial {int(row['trial'])}", *(number(row[key]) for key in shown), f"{record.budget.steps:,}"]
            for row in front.to_dict("records")]  # fmt: skip
    for row in marks.sort_values(keys[0], ascending=directions_of(keys[:1])[0] == "minimize").to_dict("records"):
        name = str(row["model"]).removeprefix("published_")
        rows.append([f"published: {name}", *(number(row[key]) for key in shown), f"{int(row['steps']):,}"])
    heads = [f"{key} {ARROWS[direction]}" for key, direction in zip(shown, directions_of(shown), strict=True)]
    return Table("The front beside published models", ["model", *heads, "steps"], rows, left=("model",))
