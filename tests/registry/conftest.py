"""One tiny trained-by-nobody model, exported once for all tests."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

from registry.commands import app
from registry.console import run
from registry.store import Store
from tests.registry.helpers import CONDITIONAL, CONFIG, LINEAGE, PREPROCESSING, images


@pytest.fixture(scope="session")
def tiny_vae():
    import torch

    from models.vae import VAE

    torch.manual_seed(0)
    return VAE(CONFIG).eval()


@pytest.fixture(scope="session")
def conditional_vae():
    import torch

    from models.vae import VAE

    torch.manual_seed(1)
    return VAE(CONDITIONAL).eval()


def error(model, condition=None):
    """A metric: mean absolute reconstruction error."""
    again = model.decode(model.encode(images(), condition)[0], condition)
    return {"error": float(np.abs(again - images() / 255.0).mean())}


@pytest.fixture(scope="session")
def published(tmp_path_factory, tiny_vae, conditional_vae):
    """A store with `tiny@1` and the conditional `labelled@1`, published through the gate."""
    from models.codec import TorchCodec
    from registry.gate import publish_model

    store = Store(tmp_path_factory.mktemp("published") / "store")
    labels = np.arange(6) % 4
    for name, vae, condition in (("tiny", tiny_vae, None), ("labelled", conditional_vae, labels)):
        publish_model(
            store,
            name,
            vae,
            lineage=LINEAGE,
            preprocessing=PREPROCESSING,
            evaluator=lambda model, condition=condition: error(model, condition),
            claimed=error(TorchCodec(vae), condition),
            sample_images=images(),
            sample_condition=condition,
            pictures={"reconstruction.png": b"not a real picture"},
            evaluator_version="tests 1",
            description="a model of noise",
            tags={"purpose": "tests"},
        )
    return store


@pytest.fixture
def store(published, tmp_path):
    """A copy of the published store that a test may damage."""
    shutil.copytree(published.root, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def empty(tmp_path):
    """A store that does not exist yet."""
    return Store(tmp_path / "runs" / "registry")


@pytest.fixture
def cli(store, monkeypatch, capsys):
    """Run the command line in this process, on `store`; returns exit status, output, errors."""
    monkeypatch.setenv("VAE_REGISTRY", str(store.root))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["registry", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            run(app)
        out, errors = capsys.readouterr()
        return caught.value.code or 0, out, errors

    return call
