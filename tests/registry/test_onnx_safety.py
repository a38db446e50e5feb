"""ONNX files that reach outside, call foreign code or are not what the manifest says are refused before they run."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from registry.disk import sha256
from registry.errors import RegistryError, UnsafeError
from registry.inference import Model
from registry.onnx_safety import check_onnx
from tests.registry.helpers import manifest


def graph(nodes=None, initializers=(), name="g"):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    return helper.make_graph(nodes or [helper.make_node("Relu", ["x"], ["y"])], name, [x], [y], list(initializers))


def model(inner=None, opsets=(("", 20),), **fields):
    return helper.make_model(
        inner or graph(), opset_imports=[helper.make_opsetid(*each) for each in opsets], ir_version=10, **fields
    )


def external():
    tensor = numpy_helper.from_array(np.zeros((2, 2), np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")
    return tensor


def nested(node):
    """`node` inside the branch of an If: attributes hold graphs."""
    branch = helper.make_graph([node], "b", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    return helper.make_node("If", ["c"], ["y"], then_branch=branch)


CONSTANT = helper.make_node("Constant", [], ["y"], value=external())
FOREIGN = helper.make_node("Evil", ["x"], ["y"], domain="com.evil")
HOSTILE = {
    "external initializer": model(graph(initializers=[external()])),
    "external constant": model(graph([CONSTANT])),
    "external constant in a branch": model(graph([nested(CONSTANT)])),
    "external sparse tensor": model(
        graph([helper.make_node("Constant", [], ["y"], sparse_value=helper.make_sparse_tensor(external(), external(), [2, 2]))])
    ),
    "foreign node": model(graph([FOREIGN])),
    "foreign node in a branch": model(graph([nested(FOREIGN)])),
    "foreign operator set": model(opsets=(("", 20), ("com.microsoft", 1))),
    "local function of a foreign domain": model(
        functions=[helper.make_function("com.evil", "F", ["a"], ["b"], [], [helper.make_opsetid("", 20)])]
    ),
    "foreign node in a function": model(
        functions=[helper.make_function("", "F", ["a"], ["b"], [FOREIGN], [helper.make_opsetid("", 20)])]
    ),
}


def test_the_exported_files_are_accepted(published):
    for name, data in published.resolve("tiny").read().items():
        if name.endswith(".onnx"):
            check_onnx(data, name)
    check_onnx(model().SerializeToString(), "relu.onnx")
    check_onnx(model(opsets=(("ai.onnx", 20),)).SerializeToString(), "relu.onnx")


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files(kind):
    with pytest.raises(UnsafeError) as caught:
        check_onnx(HOSTILE[kind].SerializeToString(), "model.onnx")
    assert ("external" in str(caught.value)) == ("external" in kind) and "\n" not in str(caught.value)


def test_a_training_graph_is_refused():
    training = model()
    training.training_info.add().algorithm.CopyFrom(graph())
    with pytest.raises(UnsafeError, match="inference"):
        check_onnx(training.SerializeToString(), "model.onnx")


@pytest.mark.parametrize(
    "data", [b"", b"hello world", b"\x08", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 20, b"\x00" * 100, b"PK\x03\x04"]
)
def test_what_is_no_onnx_file(data):
    with pytest.raises(UnsafeError):
        check_onnx(data, "model.onnx")


def test_endless_nesting_is_refused():
    data = b""  # by hand, because protobuf's own writer stops at 100 levels
    for _ in range(40):
        for field in (6, 5, 1):  # graph ← attribute ← node
            length = bytes([len(data) & 127 | 128, len(data) >> 7])
            data = bytes([field << 3 | 2]) + length + data
    with pytest.raises(UnsafeError, match="deep"):
        check_onnx(bytes([7 << 3 | 2, len(data) & 127 | 128, len(data) >> 7]) + data, "model.onnx")


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_never_crash_the_check(data):
    with contextlib.suppress(UnsafeError):
        check_onnx(data, "model.onnx")


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(position, value):
    """Whatever one byte of a hostile file becomes, the check agrees with the onnx package about external data and domains."""
    data = bytearray(HOSTILE["foreign node"].SerializeToString())
    data[position % len(data)] = value
    try:
        check_onnx(bytes(data), "model.onnx")
    except UnsafeError:
        return
    parsed = onnx.ModelProto.FromString(bytes(data))
    assert all(node.domain in ("", "ai.onnx") for node in parsed.graph.node)


def test_a_valid_file_with_another_signature_is_refused(published):
    version = published.resolve("tiny")
    files = version.read()
    with pytest.raises(UnsafeError, match=r"encoder\.onnx must have the inputs"):
        Model(version.manifest, files | {"encoder.onnx": files["decoder.onnx"]})
    with pytest.raises(UnsafeError, match="inputs"):
        Model(version.manifest, files | {"decoder.onnx": model().SerializeToString()})
    with pytest.raises(RegistryError, match=r"has no decoder\.onnx"):
        Model(version.manifest, {"encoder.onnx": files["encoder.onnx"]})


def test_a_hostile_file_does_not_pass_a_bundle(store, tmp_path):
    from registry.bundle import export_bundle, import_bundle

    files = {"encoder.onnx": HOSTILE["external initializer"].SerializeToString(), "decoder.onnx": b"", "card.md": b""}
    version = store.publish("evil", files, manifest())  # the store itself does not look into files
    assert version.manifest.files["encoder.onnx"].sha256 == sha256(files["encoder.onnx"])
    export_bundle(version, tmp_path / "evil.tar")
    with pytest.raises(UnsafeError, match="external data"):
        import_bundle(store, tmp_path / "evil.tar", "imported")
    assert "imported" not in store.names()
