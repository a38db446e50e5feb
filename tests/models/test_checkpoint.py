"""A model file: complete, deterministic, free of pickle, and one clear line for everything that is not one."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_model, model_bytes, save_model
from models.errors import UserError
from models.vae import VAE
from tests.models.helpers import small_config


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(small_config("mlp", (1, 8, 8)))


def parts(model: VAE) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(model_bytes(model))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(content: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return whole.getvalue()


def refused(path: Path, content: bytes) -> str:
    """The one line that loading such a file ends in."""
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


def test_it_is_readable_without_this_project(model: VAE) -> None:
    content = parts(model)
    assert json.loads(content["config.json"])["architecture"] == "mlp"
    arrays = np.load(io.BytesIO(content["weights.npz"]), allow_pickle=False)
    np.testing.assert_array_equal(arrays["encoder.1.weight"], model.encoder[1].weight.detach().numpy())


def test_half_precision_weights_are_stored_as_float32(model: VAE, tmp_path: Path) -> None:
    model.to(torch.bfloat16)
    save_model(model, tmp_path / "model.zip")
    loaded = load_model(tmp_path / "model.zip")
    assert torch.equal(loaded.encoder[1].weight, model.encoder[1].weight.float())


def test_counters_stay_integers(tmp_path: Path) -> None:
    model = VAE(small_config("resnet"))
    model.encoder[1].num_batches_tracked.fill_(2**24 + 1)  # float32 cannot hold it
    save_model(model, tmp_path / "model.zip")
    assert load_model(tmp_path / "model.zip").encoder[1].num_batches_tracked.item() == 2**24 + 1


def test_saving_again_replaces_the_file_and_leaves_nothing_else(model: VAE, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "model.zip"
    save_model(model, path)
    with torch.no_grad():
        model.encoder[1].weight.zero_()
    save_model(model, path)
    assert load_model(path).encoder[1].weight.abs().max() == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["model.zip"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no model file .*absent\.zip"):
        load_model(tmp_path / "absent.zip")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the model file .*: Is a directory"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", os.urandom(4096)], ids=["empty", "text", "noise"])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    assert "is not a model of this project" in refused(tmp_path / "model.zip", content)


def test_every_truncation(model: VAE, tmp_path: Path) -> None:
    whole = model_bytes(model)
    for length in range(0, len(whole), len(whole) // 40):
        refused(tmp_path / "model.zip", whole[:length])


def test_every_damaged_region_is_noticed_or_harmless(model: VAE, tmp_path: Path) -> None:
    """Thirty single flipped bytes: an error of one line, or a model with the very same weights (an unused header field)."""
    whole, path = model_bytes(model), tmp_path / "model.zip"
    for position in np.random.default_rng(0).integers(0, len(whole), 30):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except UserError as error:
            message = str(error)
        else:
            assert model_bytes(loaded) == whole
            continue
        assert "\n" not in message


@pytest.mark.parametrize("missing", ["config.json", "weights.npz"])
def test_a_missing_part(model: VAE, tmp_path: Path, missing: str) -> None:
    content = parts(model)
    del content[missing]
    assert missing in refused(tmp_path / "model.zip", archive_of(content))


@pytest.mark.parametrize("config", [b"{", b"[1]", b"{}", b'{"image_shape": [1, 8, 8], "architecture": "vit"}', b"\xff"])
def test_a_foreign_configuration(model: VAE, tmp_path: Path, config: bytes) -> None:
    refused(tmp_path / "model.zip", archive_of({**parts(model), "config.json": config}))


def test_weights_of_another_model(model: VAE, tmp_path: Path) -> None:
    other = VAE(small_config("mlp", (1, 8, 8), latent_dim=6))
    content = {**parts(model), "weights.npz": parts(other)["weights.npz"]}
    assert "Error(s) in loading state_dict" in refused(tmp_path / "model.zip", archive_of(content))


def test_nothing_is_unpickled(model: VAE, tmp_path: Path) -> None:
    """An object array whose pickle would create a file when it is opened."""
    witness = tmp_path / "witness"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(witness),)

    weights = io.BytesIO()
    np.savez(weights, **{"encoder.1.weight": np.array([Bomb()], dtype=object)})
    message = refused(tmp_path / "model.zip", archive_of({**parts(model), "weights.npz": weights.getvalue()}))
    assert "allow_pickle=False" in message
    refused(tmp_path / "model.zip", archive_of({**parts(model), "weights.npz": pickle.dumps(Bomb())}))
    assert not witness.exists()
