"""Networks made elsewhere: other names, other ranges, data beside the file; and everything that a pair can get wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry import load
from registry.bundle import export_bundle, import_bundle
from registry.errors import RegistryError, UnsafeError
from registry.foreign import Said, bring_in_pair
from registry.onnx_files import read_onnx
from tests.registry.helpers import images, snapshot

D, PIXELS = 3, 64
RNG = np.random.default_rng(0)
TO_MU, TO_LOGVAR, BACK = (RNG.standard_normal(shape).astype(np.float32) / 8 for shape in ((PIXELS, D), (PIXELS, D), (D, PIXELS)))
UNIT = Said(low=0, high=1, pixels="logits")


def network(nodes, inputs, outputs, constants, opset=17) -> bytes:
    sides = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side] for side in (inputs, outputs)
    ]
    graph = helper.make_graph(
        nodes, "theirs", *sides, [numpy_helper.from_array(array, name) for name, array in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="elsewhere")
    return model.SerializeToString()


def encoder(batch="n", names=("z_mean", "image"), opset=17, extra=()) -> bytes:
    """x (n, 1, 8, 8) → z_mean, and, to be awkward, a log variance that is called `image`."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "to_mu"], [names[0]]),
        helper.make_node("MatMul", ["flat", "to_logvar"], [names[1]]),
        *extra,
    ]
    outputs = [(name, (batch, D)) for name in names]
    return network(nodes, [("x", (batch, 1, 8, 8))], outputs, {"to_mu": TO_MU, "to_logvar": TO_LOGVAR}, opset)


def decoder(last=(), output="logits", shape=(-1, 1, 8, 8)) -> bytes:
    nodes = [
        helper.make_node("MatMul", ["code", "back"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["logits"]),
        *last,
    ]
    constants = {"back": BACK, "shape": np.array(shape, np.int64)}
    return network(nodes, [("code", ("n", D))], [(output, ("n", 1, 8, 8))], constants)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
def test_a_pair_answers_what_its_maker_meant_whatever_its_range_and_names(empty, low, high):
    said = Said(low=low, high=high, pixels="logits", claimed={"mig": 0.4})
    version = bring_in_pair(empty, "theirs", encoder(), decoder(), said)
    model = load("theirs", registry=empty.root)
    flat = (images() / 255.0 * (high - low) + low).reshape(6, -1).astype(np.float32)
    mu, logvar = model.encode(images())
    np.testing.assert_allclose(mu, flat @ TO_MU, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(logvar, flat @ TO_LOGVAR, rtol=1e-4, atol=1e-3)
    z = RNG.standard_normal((5, D)).astype(np.float32)
    np.testing.assert_allclose(model.decode(z), sigmoid(z @ BACK).reshape(5, 1, 8, 8), atol=1e-6)
    manifest = version.manifest
    assert (manifest.model.architecture, manifest.parity, manifest.metrics) == ("onnx", None, {"claimed_mig": 0.4})
    assert "claimed_mig" in (card := version.read()["card.md"].decode()) and "was not computed here" in card
    assert version.claimed and empty.verify() == []
    assert bring_in_pair(empty, "theirs", encoder(), decoder(), said) == version
    assert bring_in_pair(empty, "theirs", encoder(), decoder(), replace(said, claimed={"mig": 0.5})).number == 2


def test_pixels_in_the_encoders_range_and_pixels_a_little_beyond(empty):
    tanh = decoder([helper.make_node("Tanh", ["logits"], ["y"])], "y")
    bring_in_pair(empty, "theirs", encoder(), tanh, Said(low=-1, high=1))
    bring_in_pair(empty, "theirs", encoder(), decoder(), Said(low=-1, high=1, pixels="clip"))
    z = 4 * RNG.standard_normal((5, D)).astype(np.float32)
    y = (z @ BACK).reshape(5, 1, 8, 8)
    np.testing.assert_allclose(load("theirs", 1, registry=empty.root).decode(z), (np.tanh(y) + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(load("theirs", 2, registry=empty.root).decode(z), np.clip((y + 1) / 2, 0, 1), atol=1e-6)


def test_it_travels_like_any_other(empty, tmp_path):
    version = bring_in_pair(empty, "theirs", encoder(), decoder(), UNIT)
    export_bundle(version, tmp_path / "theirs.tar")
    assert import_bundle(empty, tmp_path / "theirs.tar", "copy").digest == version.digest


def with_noise() -> bytes:
    extra = [helper.make_node("RandomNormalLike", ["z_mean"], ["drawn"]), helper.make_node("Add", ["z_mean", "drawn"], ["noisy"])]
    return _noisy(extra)


def _noisy(extra) -> bytes:
    model = onnx.load_model_from_string(encoder(extra=extra))
    model.graph.output[0].name = "noisy"
    return model.SerializeToString()


def _mixing() -> bytes:
    """The mean of the batch is taken away: batch normalisation in training mode."""
    extra = [
        helper.make_node("ReduceMean", ["z_mean"], ["middle"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["z_mean", "middle"], ["noisy"]),
    ]
    return _noisy(extra)


def _external() -> bytes:
    model = onnx.load_model_from_string(encoder())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model.SerializeToString()


def _open() -> bytes:
    model = onnx.load_model_from_string(encoder())
    for size in model.graph.input[0].type.tensor_type.shape.dim:
        size.dim_param = "any"
    return model.SerializeToString()


WRONG = {
    "decoder for encoder": (decoder, decoder, UNIT, "encoder must have one input .* and two outputs"),
    "encoder for decoder": (
        encoder,
        encoder,
        UNIT,
        "decoder must have one input .* and one output .* but it has x → z_mean, image",
    ),
    "drawn inside": (with_noise, decoder, UNIT, "encoder must answer alike .* nothing may be drawn inside"),
    "mixes the batch": (_mixing, decoder, UNIT, "encoder must answer alike"),
    "logits taken for pixels": (encoder, decoder, Said(low=0, high=1), "pixels must be 0 to 1 .*--pixels logits"),
    "one row only": (encoder, lambda: decoder(shape=(1, 1, 8, 8)), UNIT, "decoder"),
    "external data": (_external, decoder, UNIT, "external data"),
    "no file": (lambda: b"not onnx", decoder, UNIT, "not an ONNX file"),
    "too old": (lambda: encoder(opset=9), decoder, UNIT, "operator set 11 or later"),
    "other latents said": (
        encoder,
        decoder,
        Said(low=0, high=1, pixels="logits", latent_dim=7),
        "latent_dim must be one, but 7 was",
    ),
    "size left open": (_open, lambda: decoder(), UNIT, None),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_and_nothing_is_published(empty, case):
    first, second, said, message = WRONG[case]
    if message is None:  # the decoder states what the encoder leaves open
        bring_in_pair(empty, "theirs", first(), second(), said)
        return
    with pytest.raises(RegistryError, match=message) as caught:
        bring_in_pair(empty, "theirs", first(), second(), said)
    assert "\n" not in str(caught.value) and empty.names() == []


def test_ranges_and_claims_must_be_numbers():
    for words in (
        {"low": 1, "high": 0},
        {"low": 0, "high": float("nan")},
        {"low": 0, "high": 1, "claimed": {"mig": float("inf")}},
    ):
        with pytest.raises(RegistryError):
            Said(**words)


def beside(folder: Path) -> Path:
    """The encoder with its data in a file beside it, as PyTorch and MLflow write it."""
    model = onnx.load_model_from_string(encoder())
    onnx.save_model(model, folder / "enc.onnx", save_as_external_data=True, location="enc.onnx.data", size_threshold=0)
    return folder / "enc.onnx"


def test_data_beside_the_file_is_taken_in(tmp_path):
    path = beside(tmp_path)
    stored = onnx.load_model_from_string(read_onnx(path)).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(stored[0]), TO_MU)


@pytest.mark.parametrize(
    "change", ["/etc/passwd", "../secret", "sub/secret", "", ("offset", "-1"), ("length", "99999"), ("offset", "x")]
)
def test_data_elsewhere_is_not(tmp_path, change):
    path = beside(tmp_path)
    model = onnx.load(path, load_external_data=False)
    key, value = change if isinstance(change, tuple) else ("location", change)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeError):
        read_onnx(path)


def test_data_that_is_a_link_is_not(tmp_path):
    path = beside(tmp_path)
    (tmp_path / "enc.onnx.data").unlink()
    (tmp_path / "enc.onnx.data").symlink_to("/etc/passwd")
    with pytest.raises(UnsafeError, match="a plain file"):
        read_onnx(path)


def test_the_command(cli, store, tmp_path):
    beside(tmp_path)
    (tmp_path / "dec.onnx").write_bytes(decoder())
    pair = ("import", "--encoder", tmp_path / "enc.onnx", "--decoder", tmp_path / "dec.onnx", "--name", "theirs")
    said = ("--range", "0,1", "--pixels", "logits", "--claim", "mig=0.9", "--dataset", "elsewhere's")
    before = snapshot(store.root)
    for words in (
        pair,
        (*pair, "--range", "0"),
        (*pair, "--range", "0,one"),
        (*pair, *said, "--pixels", "grey"),
        (*pair, *said, "--claim", "mig"),
        (*pair, *said, "--claim", "x y=1"),
        (*pair, *said, "--image-shape", "1,8"),
        (*pair, *said, "--image-shape", "1,8,9"),
        (*pair[:3], *pair[5:], *said),
        (*pair, *said, "--encoder", tmp_path / "none.onnx"),
        ("import", "x.tar", *said),
        ("import",),
    ):
        status, out, errors = cli(*words)
        assert (status, out, errors.count("\n")) == (2, "", 1), words
    assert snapshot(store.root) == before
    status, out, errors = cli(*pair, *said, "--json")
    assert (status, json.loads(out)["name"], errors) == (0, "theirs", "")
    status, out, _ = cli("list", "--name", "theirs", "--json")
    row = json.loads(out)[0]
    assert (row["metrics"], row["dataset"], row["seeds"]) == ({"claimed_mig": 0.9}, "elsewhere's", 1)
    assert cli("show", "theirs")[0] == 0
