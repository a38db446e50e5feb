"""The publish gate: what is published was measured on what is published; everything else is refused and leaves no trace."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.codec import TorchCodec
from models.vae import VAE
from registry import gate, load
from registry.disk import sha256
from registry.errors import GateError, RegistryError, UnsafeError
from registry.gate import measure_parity, publish_model
from tests.registry.helpers import CONFIG, LINEAGE, PREPROCESSING, images, snapshot

EXPORTS: dict[bytes, dict[str, bytes]] = {}


@pytest.fixture(autouse=True)
def export_each_model_once(monkeypatch):
    """An export takes seconds; the same weights give the same bytes."""
    real = gate.export_onnx  # type: ignore[attr-defined]

    def remembered(model):
        weights = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
        if weights not in EXPORTS:
            EXPORTS[weights] = real(model)
        return dict(EXPORTS[weights])

    monkeypatch.setattr(gate, "export_onnx", remembered)


def publish(store, vae, **changes):
    arguments = {
        "lineage": LINEAGE,
        "preprocessing": PREPROCESSING,
        "evaluator": lambda model: {"error": float(np.abs(model.reconstruct(images()) - images() / 255).mean())},
        "claimed": {},
        "sample_images": images(),
    }
    return publish_model(store, "gated", vae, **(arguments | changes))


def test_the_record_is_complete(published):
    version = published.resolve("tiny")
    manifest = version.manifest
    assert manifest.lineage == LINEAGE and manifest.preprocessing == PREPROCESSING and manifest.model == CONFIG
    assert (
        manifest.signature.image_shape == (1, 8, 8) and manifest.signature.latent_dim == 3 and manifest.signature.classes is None
    )
    assert published.resolve("labelled").manifest.signature.classes == 4
    assert manifest.parity.inputs == 6 and 0 <= manifest.parity.encoder_max_error < 1e-6 > manifest.parity.decoder_max_error
    assert manifest.evaluator == "tests 1" and set(manifest.metrics) == {"error"}
    assert {name: (len(data), sha256(data)) for name, data in version.read().items()} == {
        name: (record.size, record.sha256) for name, record in manifest.files.items()
    }
    assert published.tags(version) == {"purpose": "tests"} and published.description(version) == "a model of noise"


def test_the_card_says_what_matters(published):
    card = published.resolve("tiny").read()["card.md"].decode()
    version = published.resolve("tiny").manifest
    for text in (
        "# tiny",
        "a model of noise",
        "noise (drawn)",
        "one seed (n = 1)",
        "0123456789abcdef` with local changes",
        'load("tiny")',
        "![Reconstruction](pictures/reconstruction.png)",
        version.files["encoder.onnx"].sha256,
        f"{version.metrics['error']:.4g}",
        "8×8 pixels",
    ):
        assert text in card, text
    assert published.resolve("tiny").read()["pictures/reconstruction.png"] == b"not a real picture"


def test_metrics_are_those_of_the_exported_files(empty, tiny_vae):
    seen = []

    def evaluator(model):
        seen.append(model)
        return {"first": float(model.encode(images())[0][0, 0]), "undefined": math.nan}

    claim = float(TorchCodec(tiny_vae).encode(images())[0][0, 0])
    version = publish(empty, tiny_vae, evaluator=evaluator, claimed={"first": claim, "undefined": math.nan})
    assert len(seen) == 1 and isinstance(seen[0], load("gated", registry=empty.root).__class__)
    assert version.manifest.metrics == {"first": pytest.approx(claim, abs=1e-6), "undefined": None}


@pytest.mark.parametrize(
    "claimed",
    [{"error": 0.9}, {"error": math.nan}, {"another": 0.5}, {"error": 0.9, "another": 0.5}, {"error": math.inf}],
    ids=str,
)
def test_a_wrong_claim_is_refused(empty, tiny_vae, claimed):
    with pytest.raises(GateError) as caught:
        publish(empty, tiny_vae, claimed=claimed)
    assert all(key in str(caught.value) for key in claimed)
    assert not empty.root.exists()


def test_files_that_disagree_with_torch_are_refused(empty, tiny_vae, monkeypatch):
    """The exporter is made to export other weights."""
    torch.manual_seed(99)
    other = VAE(CONFIG)
    monkeypatch.setattr(gate, "export_onnx", lambda model, real=gate.export_onnx: real(other))  # type: ignore[attr-defined]
    with pytest.raises(GateError, match="must agree with torch"):
        publish(empty, tiny_vae)
    assert not empty.root.exists()


class Shifted:
    """A codec whose every output is off by `shift`, relative to what `like` gives."""

    def __init__(self, like, shift):
        self.like, self.shift = like, shift

    def encode(self, images, condition=None):
        return tuple(values + np.float32(self.shift) for values in self.like.encode(images, condition))

    def decode(self, z, condition=None):
        return self.like.decode(z, condition)


def test_parity_is_absolute_for_small_and_relative_for_large_codes(tiny_vae):
    original = TorchCodec(tiny_vae)
    assert measure_parity(Shifted(original, 5e-6), original, images()).encoder_max_error == pytest.approx(5e-6, rel=0.1)
    with pytest.raises(GateError, match=r"encoder\.onnx must agree with torch within 1e-05, but it is off by 2e-05"):
        measure_parity(Shifted(original, 2e-5), original, images())
    large = Shifted(original, 1000)
    assert measure_parity(Shifted(original, 1000.001), large, images()).encoder_max_error == pytest.approx(1e-3, rel=0.1)
    with pytest.raises(GateError):
        measure_parity(Shifted(original, 1000.02), large, images())


def test_files_that_change_on_their_way_to_the_disk_are_refused(store, tiny_vae, monkeypatch):
    before = snapshot(store.root)
    import registry.store

    def careless(folder, files, manifest, real=registry.store.write_version):  # type: ignore[attr-defined]
        real(folder, files, manifest)
        (folder / "encoder.onnx").write_bytes(files["decoder.onnx"])

    monkeypatch.setattr(registry.store, "write_version", careless)
    with pytest.raises(RegistryError, match=r"encoder\.onnx"):
        publish(store, tiny_vae)
    assert snapshot(store.root) == before


def test_a_wrong_signature_is_refused(empty, tiny_vae, monkeypatch):
    swapped = {"encoder.onnx": "decoder.onnx", "decoder.onnx": "encoder.onnx"}
    files = gate.export_onnx(tiny_vae)  # type: ignore[attr-defined]
    monkeypatch.setattr(gate, "export_onnx", lambda model: {name: files[other] for name, other in swapped.items()})
    with pytest.raises(UnsafeError, match="must have the inputs"):
        publish(empty, tiny_vae)
    assert not empty.root.exists()


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_weights_that_are_not_numbers_are_refused(empty, part):
    torch.manual_seed(0)
    broken = VAE(CONFIG)
    with torch.no_grad():
        next(getattr(broken, part).parameters()).view(-1)[:] = math.nan
    with pytest.raises(RegistryError):
        publish(empty, broken, evaluator=lambda model: {})
    assert not empty.root.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"sample_images": images(1)},
        {"sample_images": images(6) / 255},
        {"sample_images": images(6, shape=(3, 8, 8))},
        {"sample_condition": np.zeros(6, np.int64)},
        {"preprocessing": PREPROCESSING.model_copy(update={"size": (9, 9)})},
        {"pictures": {"../evil.png": b""}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_wrong_arguments_leave_no_trace(empty, tiny_vae, change):
    with pytest.raises(ValueError, match=r"must|condition|named"):
        publish(empty, tiny_vae, **change)
    assert not empty.root.exists()
