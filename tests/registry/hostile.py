"""A generator of hostile ONNX files: a good model, rewritten with one trick that a careless reader and protobuf read differently,
and small good-looking models that ask for too much.
"""

from __future__ import annotations

import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FieldDescriptor = type(onnx.ModelProto.DESCRIPTOR.fields[0])  # of protobuf, which onnx brings
SECRET = "../../../../../../etc/passwd"


def varint(value: int, extra: int = 0) -> bytes:
    """Seven bits a byte; `extra` bytes longer than it need be."""
    out = []
    while value >= 0x80 or extra:
        if value < 0x80:
            extra -= 1
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Writer:
    """A protocol-buffer writer that plays one trick at field number `at` (in the order of writing)."""

    TRICKS = ("renumber", "long key", "long length", "twice", "group", "wire type", "unknown", "huge length")

    def __init__(self, trick: str, at: int) -> None:
        self.trick, self.at, self.count = trick, at, 0

    def message(self, proto) -> bytes:
        return b"".join(
            self.field(descriptor, each)
            for descriptor, value in proto.ListFields()
            for each in (value if descriptor.is_repeated else [value])
        )

    def field(self, descriptor, value) -> bytes:
        number = self.count
        self.count += 1
        wire, data = self.value(descriptor, value)
        key = descriptor.number << 3 | wire
        plain = varint(key) + (varint(len(data)) if wire == 2 else b"") + data
        if number != self.at:
            return plain
        length = varint(len(data)) if wire == 2 else b""
        return {
            "renumber": varint(key + 2**32 * 8) + length + data,
            "long key": varint(key, 3) + length + data,
            "long length": varint(key) + (varint(len(data), 4) if wire == 2 else varint(7, 2)) + data,
            "twice": plain + plain,
            "group": varint(500 << 3 | 3) + plain + varint(500 << 3 | 4),
            "wire type": varint(descriptor.number << 3 | (2 if wire != 2 else 0)) + length + data,
            "unknown": varint(1000 << 3 | 2) + varint(len(plain)) + plain,
            "huge length": varint(descriptor.number << 3 | 2) + varint(2**40) + data,
        }[self.trick]

    def value(self, descriptor, value) -> tuple[int, bytes]:
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            return 2, self.message(value)
        if descriptor.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            return 2, value.encode() if isinstance(value, str) else value
        if descriptor.type == FieldDescriptor.TYPE_FLOAT:
            return 5, np.float32(value).tobytes()
        if descriptor.type == FieldDescriptor.TYPE_DOUBLE:
            return 1, np.float64(value).tobytes()
        return 0, varint(int(value) % 2**64)


def mutated(good: bytes, seed: int) -> bytes:
    """The good model with one trick, in a place of its own; two of three have an external tensor as well."""
    rng = random.Random(seed)
    model = onnx.ModelProto.FromString(good)
    if seed % 3:
        make_external(rng.choice(tensors(model)))
    counter = Writer("", -1)
    counter.message(model)
    return Writer(Writer.TRICKS[seed % len(Writer.TRICKS)], rng.randrange(counter.count)).message(model)


def tensors(model: onnx.ModelProto) -> list[TensorProto]:
    """Every tensor of the graph and of the attributes of its nodes."""
    attributes = [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    return [*model.graph.initializer, *attributes]


def make_external(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", SECRET), ("length", "64")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    tensor.ClearField("raw_data")


def network(inputs, outputs, nodes, initializers=()) -> bytes:
    """A model of the given face: [(name, shape)]."""
    faces = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side] for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "g", *faces, list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return made.SerializeToString(deterministic=True)


def constant(name, values, dtype=np.int64):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def greedy_encoder(kind: str, pixels: int = 64, latents: int = 3) -> bytes:
    """An encoder (image (N, 1, 8, 8) → mu, logvar (N, 3)) of a kilobyte that asks for too much, or answers wrongly."""
    node = helper.make_node
    nodes = [node("Reshape", ["image", "flat"], ["rows"]), node("MatMul", ["rows", "w"], ["good"])]
    extra = {
        "4 GB of ones": [node("ConstantOfShape", ["huge"], ["much"]), node("ReduceSum", ["much"], ["sum"], keepdims=0)],
        "doubled 32 times": [
            node("Concat", ["rows" if step == 0 else f"d{step - 1}"] * 2, [f"d{step}"], axis=0) for step in range(32)
        ] + [node("ReduceSum", ["d31"], ["sum"], keepdims=0)],
        "an hour of products": [
            node("ConstantOfShape", ["large"], ["m0"]),
            *[node("MatMul", [f"m{step}", f"m{step}"], [f"m{step + 1}"]) for step in range(400)],
            node("ReduceSum", ["m400"], ["sum"], keepdims=0),
        ],
        "a range of 10 billion": [
            node("Range", ["zero", "end", "one"], ["long"]), node("ReduceSum", ["long"], ["sum"], keepdims=0),
        ],
        "not a number": [node("Log", ["minus"], ["sum"])],
    }.get(kind, [])  # fmt: skip
    if kind == "one row for all":
        nodes += [node("Slice", ["good", "start", "stop"], ["mu"]), node("Identity", ["good"], ["logvar"])]
    elif extra:
        nodes += [*extra, node("Add", ["good", "sum"], ["mu"]), node("Identity", ["good"], ["logvar"])]
    else:
        nodes += [node("Identity", ["good"], ["mu"]), node("Identity", ["good"], ["logvar"])]
    used = {name for each in nodes for name in each.input}
    constants = [
        constant("flat", [-1, pixels]), constant("w", np.zeros((pixels, latents)), np.float32), constant("huge", [2**30]),
        constant("large", [4000, 4000]), constant("zero", 0), constant("end", 10**10), constant("one", 1),
        constant("minus", -1, np.float32), constant("start", [0]), constant("stop", [1]),
    ]  # fmt: skip
    if kind == "a range of 10 billion":
        constants = [constant(each.name, numpy_helper.to_array(each), np.float32) if each.name in ("zero", "end", "one") else each
                     for each in constants]  # fmt: skip
    side = int(pixels**0.5)
    return network(
        [("image", ["batch", 1, side, side])],
        [("mu", ["batch", latents]), ("logvar", ["batch", latents])],
        nodes,
        [each for each in constants if each.name in used],
    )


GREEDY = ("4 GB of ones", "doubled 32 times", "an hour of products", "a range of 10 billion", "not a number", "one row for all")
