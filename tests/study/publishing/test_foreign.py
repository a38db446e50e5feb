"""Foreign checkpoints: what is as its map says becomes a version that computes the same; all else is refused in a line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.codec import TorchCodec
from models.config import VAEConfig
from models.errors import UserError
from models.vae import VAE
from registry import load
from registry.disk import sha256
from registry.store import Store
from study.adopt import app
from study.config import TrialConfig
from study.datasets import Dataset
from study.evaluate import evaluate_codec
from study.publishing import foreign
from study.weight_maps import WEIGHT_MAPS, PublishedModel, WeightMap, load_map


def theirs(model: VAE, weights: WeightMap) -> dict[str, torch.Tensor]:
    """Our model under their names, mu and logvar row by row in turn: what they would have published."""
    names = {ours: other for other, ours in weights.keys.items()}
    state = {}
    for key, tensor in model.state_dict().items():
        layer, _, part = key.rpartition(".")
        mixed = torch.stack(tensor.chunk(2), 1).flatten(0, 1) if layer in weights.interleaved else tensor
        state[f"{names[layer]}.{part}"] = mixed.clone()
    return state


@pytest.fixture(scope="module")
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(image_shape=(1, 64, 64), architecture="burgess", latent_dim=10)).eval()


@pytest.fixture
def weights() -> WeightMap:
    return load_map("disentangling_vae")


def saved(state: Any, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_every_layer_finds_its_place(model: VAE, weights: WeightMap) -> None:
    again = VAE(model.config)
    again.load_state_dict(foreign.mapped(theirs(model, weights), weights, again))
    x = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    for ours, found in zip(model.encode(x), again.eval().encode(x), strict=True):
        assert torch.equal(ours, found)


class Code:
    """What a pickle can do that nobody wants: leave a file where the test looks."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"not a checkpoint", "state dictionary of PyTorch, tensors alone"),
        (b"", "state dictionary of PyTorch, tensors alone"),
        ("code", "without code"),
        ([1, 2], "holds a list"),
        ({"encoder.conv1.weight": "text"}, "holds a dict"),
    ],
)
def test_what_is_no_checkpoint(content: Any, rule: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "model.pt", tmp_path / "ran"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        saved(Code(trace) if content == "code" else content, path)
    with pytest.raises(UserError, match=rule) as told:
        foreign.read_weights(path)
    assert "\n" not in str(told.value) and not trace.exists()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda s: s.pop("encoder.lin1.bias"), "the file lacks encoder.lin1.bias"),
        (lambda s: s.update({"encoder.extra": torch.zeros(1)}), "the file has also encoder.extra"),
        (
            lambda s: s.update({"encoder.lin1.bias": torch.ones(7)}),
            r"encoder.9.bias must have the shape \(256,\), but .*\(7,\)",
        ),
    ],
)
def test_weights_of_another_network(change: Any, rule: str, model: VAE, weights: WeightMap) -> None:
    state = theirs(model, weights)
    change(state)
    with pytest.raises(UserError, match=rule):
        foreign.mapped(state, weights, model)


def test_a_file_that_the_map_does_not_know(model: VAE, weights: WeightMap, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"one of the models that the map knows \(vae, beta_vae_4"):
        foreign.recognised(saved(theirs(model, weights), tmp_path / "model.pt"), weights)


def test_it_becomes_a_version_that_computes_the_same(
    model: VAE, weights: WeightMap, tmp_path: Path, data_folder: Path, dsprites: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(theirs(model, weights), tmp_path / "model.pt")
    config = {"objective": "beta_vae", "training": {"steps": 1}}
    measured = evaluate_codec(TorchCodec(model), dsprites, metrics=["recon", "kl"], points=500).values
    digest = sha256(path.read_bytes()).removeprefix("sha256:")
    known = PublishedModel(title="untrained", sha256=digest, config=config, recon=measured["recon"], kl=1.0)
    monkeypatch.setattr(foreign, "POINTS", 500)
    monkeypatch.setattr(foreign, "possible", lambda *_: [])  # the adopted numbers only, not all there are
    store = Store(tmp_path / "store")
    with pytest.raises(UserError, match=r"untrained must have kl 1 within 5%"):
        foreign.adopt(store, path, "a_map", replace(weights, models={"untrained": known}), data_folder)
    assert store.names() == []
    known = replace(known, kl=measured["kl"])
    version = foreign.adopt(store, path, "a_map", replace(weights, models={"untrained": known}), data_folder)
    assert str(version) == "published_untrained@1" and version.manifest.lineage.seed == 1234
    x = dsprites.images[dsprites.parts["test"][:4]]
    adopted, original = load(str(version), registry=store.root), TorchCodec(model)
    for found, expected in zip(adopted.encode(x), original.encode(x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", WEIGHT_MAPS.names())
def test_a_map_describes_configurations(name: str) -> None:
    weights = load_map(name)
    assert weights.models and len({model.sha256 for model in weights.models.values()}) == len(weights.models)
    for known in weights.models.values():
        config = TrialConfig.parse({**weights.config, **known.config})
        assert config.training.steps > 1 and len(known.sha256) == 64


def test_the_list_for_scripts() -> None:
    done = CliRunner().invoke(app, ["--list", "--json"])
    assert done.exit_code == 0 and "capacity_25" in json.loads(done.output)["disentangling_vae"]
