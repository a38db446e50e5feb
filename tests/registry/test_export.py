"""Contract of the export: every architecture, with and without a condition, any batch size, and canonical bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models.codec import TorchCodec
from models.config import ARCHITECTURES, Condition, VAEConfig
from models.vae import VAE
from registry.disk import sha256
from registry.export import export_onnx
from registry.gate import measure_parity
from registry.inference import Model
from registry.onnx_safety import check_onnx
from tests.models.helpers import small_config
from tests.registry.helpers import images, manifest

REPOSITORY = Path(__file__).parents[2]

DIGESTS = """
import torch
from models.vae import VAE
from registry.disk import sha256
from registry.export import export_onnx
from tests.registry.helpers import CONDITIONAL
torch.manual_seed(1)
print(*(sha256(data) for data in export_onnx(VAE(CONDITIONAL)).values()))
"""


def check(config):
    """Export, open, compare with torch at several batch sizes."""
    torch.manual_seed(0)
    vae = VAE(config).train()  # the export itself must switch to evaluation
    files = export_onnx(vae)
    assert vae.training
    for name, data in files.items():
        check_onnx(data, name)
    model = Model(manifest(config=config), files)
    for count in (1, 2, 5):
        batch = images(count, seed=count, shape=config.image_shape)
        labels = None if config.condition is None else np.arange(count) % config.condition.classes
        parity = measure_parity(model, TorchCodec(vae), batch, labels)
        assert parity.inputs == count
    return files


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_every_architecture(architecture):
    check(small_config(architecture, (1, 64, 64)))


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES.names() if name != "cnn"]


@pytest.mark.parametrize("architecture", ["cnn", *OTHERS])
def test_every_architecture_with_labels(architecture):
    check(small_config(architecture, (1, 64, 64), condition=Condition(classes=5)))


@pytest.mark.parametrize(("encoder", "decoder"), [("one_hot", "embedding"), ("embedding", "one_hot"), ("none", "one_hot")])
def test_every_way_to_tell_a_condition(encoder, decoder):
    condition = Condition(classes=3, encoder=encoder, decoder=decoder, embedding_dim=2)
    check(
        VAEConfig(
            image_shape=(3, 8, 8), architecture="mlp", architecture_options={"hidden": (8,)}, latent_dim=2, condition=condition
        )
    )


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_other_image_sizes(shape):
    check(VAEConfig(image_shape=shape, architecture="mlp", architecture_options={"hidden": (8,)}, latent_dim=1))


def test_nothing_of_this_machine_is_in_the_files(tiny_vae):
    for data in export_onnx(tiny_vae).values():
        for trace in (str(REPOSITORY), os.path.expanduser("~/"), "site-packages", ".py", "torch", "pytorch"):
            assert trace.encode() not in data
        model = onnx.load_from_string(data)
        assert model.producer_name == "" and not model.metadata_props and not model.graph.value_info
        assert all(not node.name and not node.doc_string and not node.metadata_props for node in model.graph.node)
        assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.slow
def test_the_same_weights_give_the_same_digest_from_any_folder(conditional_vae, tmp_path):
    """The code in another folder, run from a third one, with another hash seed: the same bytes."""
    for package in ("models", "registry", "tests"):
        shutil.copytree(REPOSITORY / package, tmp_path / "else where" / package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "else where"), "PYTHONHASHSEED": "7", "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", DIGESTS]
    there = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert there.split() == [sha256(data) for data in export_onnx(conditional_vae).values()]


def test_a_changed_weight_changes_the_digest(tiny_vae):
    before = {name: sha256(data) for name, data in export_onnx(tiny_vae).items()}
    changed = VAE(tiny_vae.config)
    changed.load_state_dict(tiny_vae.state_dict())
    with torch.no_grad():
        next(changed.encoder.parameters()).view(-1)[0] += 1e-4
    after = {name: sha256(data) for name, data in export_onnx(changed).items()}
    assert before["encoder.onnx"] != after["encoder.onnx"] and before["decoder.onnx"] == after["decoder.onnx"]
