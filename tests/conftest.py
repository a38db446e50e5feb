"""What all tests share: no network, and one data folder, so that dSprites is drawn at most once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.datasets import Dataset, load_dataset

os.environ["VAE_OFFLINE"] = "1"  # here rather than in a fixture, so that every process a test starts inherits it


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The data folder of this machine (VAE_DATA, or `data/` in the repository)."""
    return Path(os.environ.get("VAE_DATA") or Path(__file__).parents[1] / "data").absolute()


@pytest.fixture(scope="session")
def dsprites(data_folder: Path) -> Dataset:
    """dSprites as it is on this machine: drawn, unless the published file is in the data folder."""
    return load_dataset("dsprites", data=data_folder)
