"""What a plan settles before anything runs, and what a resume may change of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import UserError
from study.datasets import load_dataset
from study.records.folder import StudyFolder
from study.search.plan import Request, plan
from study.search.resume import continued
from tests.study.search.test_search import record


def test_every_path_is_absolute_in_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run in another folder than the one in which the command was given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    planned, _ = plan(Request(space="folder", name="n", data=Path("data"), dataset="folder:photos", budget="smoke"))
    assert planned.dataset["name"] == f"folder:{tmp_path / 'photos'}" and planned.data == str(tmp_path / "data")


def test_a_study_that_was_copied_goes_on_with_its_data_elsewhere(tmp_path: Path) -> None:
    digits = {"name": "digits", "source": "scikit-learn", "digest": load_dataset("digits", tmp_path).digest}
    folder = StudyFolder.new(tmp_path, "s")
    folder.write(record(space="around_mnist_vae", metrics=("recon", "kl"), dataset=digits, data="/gone"))
    assert continued(folder, {"data": tmp_path / "new"}, None).data == str(tmp_path / "new")
    folder.write(folder.record.model_copy(update={"dataset": {**digits, "digest": "of other pictures"}}))
    with pytest.raises(UserError, match=r"^--data must hold the pictures that s was begun with, digest of other pic, but /"):
        continued(folder, {"data": tmp_path / "new"}, None)
