"""The closing table at both widths, on a real study."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from study.records.folder import StudyFolder
from study.records.winners import front_of
from study.search.closing import show_front
from tests.studies import LAPTOP


@pytest.mark.parametrize("width", [80, 160])
def test_every_model_of_the_front_is_whole(width: int) -> None:
    folder, out = StudyFolder(LAPTOP), io.StringIO()
    front = front_of(folder)
    show_front(folder, front, {}, Console(file=out, width=width, highlight=False))
    printed = out.getvalue()
    assert max(map(len, printed.splitlines())) <= width and "…" not in printed
    for _, row in front.iterrows():
        lines = [line for line in printed.splitlines() if str(int(row["trial"])) in line.split()]
        assert any(f"{row['mig']:.3g}" in line.split() and f"{row['recon']:.3g}" in line.split() for line in lines)
    models = [line for line in printed.splitlines() if line.startswith("trial ")]
    assert len(models) == (len(front) if width == 80 else 0)
