"""Two ONNX files that were made elsewhere get the face of every model here: names, ranges, any batch size.

    image [0, 1] → low + (high − low) · image → THEIRS → mu, logvar             low, high: the range that they expect
    z → THEIRS → (y − low) / (high − low), or sigmoid(y), or the first cut to [0, 1] → pixels

Needs the `onnx` package.  It parses what `registry.onnx_safety` has let through, and nothing else.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

from registry.disk import sha256
from registry.errors import RegistryError, UnsafeError
from registry.onnx_safety import check_onnx

__all__ = ["Network", "Pixels", "with_decoder_face", "with_encoder_face"]

Pixels = Literal["range", "logits", "clip"]
THEIRS = "theirs_"  # before every name in their graphs
OLDEST = 11  # operator set: the first whose Clip takes its limits as inputs
SIDES = {"encoder": ("one input (images)", "two outputs (mu, logvar)"), "decoder": ("one input (z)", "one output (pixels)")}


class Network:
    """A foreign graph: one input, and the outputs that its part has, all float32.  Raises `RegistryError`.

    shapes: of its input and outputs, as stated; None for a size that is left open.
    """

    def __init__(self, part: Literal["encoder", "decoder"], data: bytes) -> None:
        check_onnx(data, f"the {part}")
        self.part, self.digest = part, sha256(data)
        try:
            model = onnx.load_model_from_string(data)
            onnx.checker.check_model(model)
            self.model = onnx.compose.add_prefix(model, prefix=THEIRS)
        except Exception as error:  # protobuf's and onnx's own, unrelated types
            why = str(error).strip().partition("\n")[0][:200]
            raise UnsafeError(f"the {part} is not a valid ONNX file: {why}") from None
        graph = self.model.graph
        stored = {tensor.name for tensor in graph.initializer}
        values = [[value for value in graph.input if value.name not in stored], list(graph.output)]
        if [len(side) for side in values] != [1, 2 if part == "encoder" else 1]:
            got = " → ".join(", ".join(value.name.removeprefix(THEIRS) for value in side) for side in values)
            raise RegistryError(f"the {part} must have {' and '.join(SIDES[part])}, but it has {got}")
        self.input, self.outputs = values[0][0].name, [value.name for value in values[1]]
        self.shapes = [_shape(part, value) for side in values for value in side]
        versions = [entry.version for entry in self.model.opset_import]
        if versions != [max(OLDEST, *versions)]:
            raise RegistryError(f"the {part} must use ONNX's operator set {OLDEST} or later, but it uses {versions}")


def with_encoder_face(theirs: Network, shape: tuple[int, ...], latent_dim: int, low: float, high: float) -> bytes:
    """image (batch, *shape) in [0, 1] → mu, logvar (batch, latent_dim)."""
    nodes, constants = _affine("image", theirs.input, high - low, low)
    names = ["mu", "logvar"]
    nodes += theirs.model.graph.node
    nodes += [helper.make_node("Identity", [old], [new]) for old, new in zip(theirs.outputs, names, strict=True)]
    return _canonical(theirs, nodes, constants, [("image", shape)], [(name, (latent_dim,)) for name in names])


def with_decoder_face(theirs: Network, shape: tuple[int, ...], latent_dim: int, low: float, high: float, pixels: Pixels) -> bytes:
    """z (batch, latent_dim) → pixels (batch, *shape) in [0, 1]."""
    nodes = [helper.make_node("Identity", ["z"], [theirs.input]), *theirs.model.graph.node]
    constants: list[Any] = []
    if pixels == "logits":
        nodes.append(helper.make_node("Sigmoid", theirs.outputs, ["pixels"]))
    else:
        target = "uncut" if pixels == "clip" else "pixels"
        last, constants = _affine(theirs.outputs[0], target, 1 / (high - low), -low / (high - low))
        nodes += last
    if pixels == "clip":
        nodes.append(helper.make_node("Clip", ["uncut", "black", "white"], ["pixels"]))
        constants += [_constant("black", 0), _constant("white", 1)]
    return _canonical(theirs, nodes, constants, [("z", (latent_dim,))], [("pixels", shape)])


def _affine(source: str, target: str, scale: float, shift: float) -> tuple[list[Any], list[Any]]:
    """target = scale · source + shift: nodes and constants."""
    if (scale, shift) == (1, 0):
        return [helper.make_node("Identity", [source], [target])], []
    nodes = [
        helper.make_node("Mul", [source, "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], [target]),
    ]
    return nodes, [_constant("scale", scale), _constant("shift", shift)]


def _canonical(
    theirs: Network,
    nodes: list[Any],
    constants: list[Any],
    inputs: list[tuple[str, tuple[int, ...]]],
    outputs: list[tuple[str, tuple[int, ...]]],
) -> bytes:
    """The whole graph, without what its maker's tools have written beside it."""
    sides = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ("batch", *shape)) for name, shape in side]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "vae", *sides, initializer=[*theirs.model.graph.initializer, *constants])
    model = helper.make_model(graph, opset_imports=theirs.model.opset_import, ir_version=max(4, theirs.model.ir_version))
    model.ClearField("producer_name")
    for message in (*model.graph.node, *model.graph.initializer):
        message.ClearField("doc_string")
        message.ClearField("metadata_props")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _constant(name: str, value: float) -> Any:
    return numpy_helper.from_array(np.float32(value), name)


def _shape(part: str, value: Any) -> tuple[int | None, ...]:
    tensor, name = value.type.tensor_type, value.name.removeprefix(THEIRS)
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        raise RegistryError(f"the {part} must compute in float32, but its {name} is of another type")
    if not tensor.HasField("shape"):
        raise RegistryError(f"the {part} must state the number of dimensions of its {name}, but it does not")
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)
