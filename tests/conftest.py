"""What all tests share: no network, and one data folder, so that dSprites is drawn at most once."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from study.datasets import Dataset, load_dataset
from tests.s3 import Server, server

os.environ["VAE_OFFLINE"] = "1"  # here rather than in a fixture, so that every process a test starts inherits it

# No test is timed: a machine that is busy with something else is no fault.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """One thread a process, before torch is imported: the models of tests are so small that a second one costs more than it
    gives, and beside anything else that computes they wait for each other (80 s for a test of 1 s).  `-m benchmark` keeps the
    machine's."""
    if config.option.markexpr != "benchmark":
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A shell that runs its command in the background has it ignore Ctrl-C, and everything that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The data folder of this machine (VAE_DATA, or `data/` in the repository)."""
    return Path(os.environ.get("VAE_DATA") or Path(__file__).parents[1] / "data").absolute()


@pytest.fixture(scope="session")
def dsprites(data_folder: Path) -> Dataset:
    """dSprites as it is on this machine: drawn, unless the published file is in the data folder."""
    return load_dataset("dsprites", data=data_folder)


@pytest.fixture(scope="session", autouse=True)
def operators_read_once() -> Iterator[None]:
    """torch's ONNX exporter parses the sources of its 500 operators anew for every file, half of a small model's export; it never
    changes what it parsed.  `test_the_same_weights_give_the_same_digest_from_any_folder` compares with an exporter left alone."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """An S3 server on this machine, for all tests that need one."""
    with server() as started:
        yield started


@pytest.fixture
def bucket(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """`s3://…`, a new empty bucket; what starts in this test finds it by the environment, as on a real cluster."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_bucket()
