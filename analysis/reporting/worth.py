"""What a value is worth: beside the floor of an untrained encoder, and what the drawn points alone move it by."""

from __future__ import annotations

from analysis.reporting.parts import Section, Table
from analysis.tables.caveats import PROTOCOL
from analysis.tables.floor import known_floor
from analysis.tables.load import Studies, shown_name
from analysis.tables.names import metric_name, number

__all__ = ["worth"]


def worth(studies: Studies) -> Section:
    """A row an architecture and metric of codes, where it was measured; else the command that does."""
    (folder,) = studies.folders.values()
    floors = known_floor(folder)
    title = "What a value is worth"
    if floors.empty:
        command = ("the floor", f"python -m analysis.report {shown_name(folder)} --floor")
        return Section(title, ["An untrained encoder has values, too; here they have not been measured."], commands=[command])
    lead = [
        f"The best trial of each architecture on {PROTOCOL:,} validation images, beside the same network before its first step. "
        "Sampling sd: how much it matters which images were drawn; seeds move values more."
    ]
    rows = [
        [row["architecture"], number(row["trial"]), metric_name(row["metric"]),
         *(number(row[key]) for key in ("value", "untrained", "sampling_sd"))]
        for row in floors.to_dict("records")
    ]  # fmt: skip
    columns = ["architecture", "trial", "metric", "value", "untrained", "sampling sd"]
    return Section(title, lead, tables=[Table("", columns, rows, left=("architecture", "metric"))])
