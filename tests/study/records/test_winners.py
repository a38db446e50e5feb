"""What confirmation says of winners, and which of them is published as the candidate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from study.publishing.trials import _best
from study.records.folder import StudyFolder
from study.records.tables import write_confirmation
from study.records.winners import confirmed_medians, front_of
from tests.studies import LAPTOP


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    shutil.copytree(LAPTOP, tmp_path / "example")
    return StudyFolder(tmp_path / "example")


def fresh(trial: int, recon: float, mig: float, status: str = "complete") -> dict[str, object]:
    return {"trial": trial, "replicate": 1000, "status": status, "recon": recon, "mig": mig}


def test_without_a_confirmation_nothing_is_confirmed(folder: StudyFolder) -> None:
    assert confirmed_medians(folder).empty


def test_medians_are_of_the_fresh_seeds_that_lived(folder: StudyFolder) -> None:
    rows = [fresh(3, recon, mig) for recon, mig in ((100, 0.1), (120, 0.3), (110, 0.2))]
    write_confirmation(folder, [*rows, fresh(3, 567, 0.0, "collapsed"), fresh(5, 567, 0.0, "collapsed")])
    assert confirmed_medians(folder).to_dict("index") == {3: {"recon": 110, "mig": pytest.approx(0.2), "seeds": 3}}


def test_the_candidate_is_a_confirmed_one_and_the_best_of_them_by_fresh_seeds(folder: StudyFolder) -> None:
    """The luckiest of a search shrinks when it is trained again; what did not is the better choice."""
    front = front_of(folder)
    assert len(front) >= 3
    lucky = _best(folder, front)
    numbers = [int(trial) for trial in front["trial"]]
    others = [place for place in range(len(front)) if place != lucky]
    rows = [fresh(numbers[lucky], 300, 0.01), fresh(numbers[others[0]], 80, 0.2), fresh(numbers[others[1]], 90, 0.1)]
    write_confirmation(folder, rows)
    assert _best(folder, front) == others[0]
    write_confirmation(folder, rows[2:])
    assert _best(folder, front) == others[1], "the only one that was confirmed"
