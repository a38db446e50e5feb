"""The command `analysis.rank` as a method of BatchRank is the command: the same values of the same pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.ranking.benchmark import checked_methods
from analysis.ranking.picture_set import PictureSet
from analysis.ranking.rank_views import DEFAULT_VIEWS, rank_views
from analysis.ranking.whole_paths import QUICK_PATHS, WHOLE_PATHS, path_of
from models.errors import UserError
from study.batchrank.bench import Images
from study.datasets import ArrayImages
from study.views import needed


@pytest.fixture
def batch() -> Images:
    stripes = np.tile(np.repeat([60.0, 140.0], 4), (16, 2))
    images = np.clip(np.random.default_rng(0).normal(stripes, 12, (40, 1, 16, 16)), 0, 255).astype(np.uint8)
    images[5] = 255 - images[5].swapaxes(1, 2) // 3  # across, and bright
    return images


def test_it_is_the_command(batch: Images) -> None:
    files = tuple(Path(str(number)) for number in range(len(batch)))
    alone = tuple(name for name in DEFAULT_VIEWS if needed(name) == "images")
    ranking = rank_views(PictureSet(Path(), files, ArrayImages(batch), ()), alone)
    judged = path_of("folder")(batch)
    np.testing.assert_array_equal(judged.values, ranking.values)
    np.testing.assert_array_equal(judged.alarms, ranking.stand_out)


@pytest.mark.parametrize("method", [method for method in WHOLE_PATHS if method != "folder_features"])
def test_each_finds_what_is_plainly_odd(batch: Images, method: str) -> None:
    judged = path_of(method)(batch)
    assert judged.values.shape == (40,) and judged.alarms.dtype == bool
    assert 5 in np.argsort(-judged.values)[:2]


def test_a_batch_is_ranked_once_for_all_models(batch: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    ranker = path_of("folder")
    first = ranker(batch)
    monkeypatch.setattr("analysis.ranking.whole_paths.fuse", None)
    assert ranker(batch.copy()) is first
    with pytest.raises(TypeError):
        ranker(batch[::-1])


def test_slow_ones_run_by_name_only_and_without_a_network_it_says_how_to_get_one(tmp_path: Path, monkeypatch) -> None:
    assert set(QUICK_PATHS) < set(checked_methods(None)) and "folder_trained" not in checked_methods(None)
    assert checked_methods("folder_trained,contrast") == ["folder_trained", "contrast"]
    monkeypatch.setattr("analysis.ranking.rank_views.find_spec", lambda name: None)
    with pytest.raises(UserError, match="registry pull"):
        path_of("folder_features", tmp_path)
