"""What is in an ONNX file, found out before any runtime opens it.

An ONNX file may point to other files (external data) and call operators of foreign libraries; both have led to published
attacks.  The bare install has onnxruntime but not the `onnx` package, so this module walks the file's protocol-buffer
fields itself, by the schema of onnx.proto.  Two readers of one file may disagree wherever the encoding leaves a choice: an
over-long number, a field that is not in the schema, one of the wrong wire type, a second copy of what is there once.  So
whatever a parser would normalise, skip or merge is refused: a file that passes has one meaning, for every parser.

Refused as well is what a network of this project never needs and an attacker does: loops (time), local functions and sparse
tensors (a few bytes that expand to gigabytes), training graphs, and a file that is also one of onnxruntime's own format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry.errors import UnsafeError

__all__ = ["check_onnx"]

# message → its fields, as number:kind.  v: varint, f: 4 bytes, d: 8 bytes, s: text or bytes, else a message; *: repeated.
# From onnx.proto (IR version 13), with the names of the messages shortened.
_SCHEMA_TEXT = {
    "Model": "1:v 8:OperatorSet* 2:s 3:s 4:s 5:v 6:s 7:Graph 14:Entry* 20:Training* 25:Function* 26:Device*",
    "Graph": "1:Node* 2:s 5:Tensor* 15:SparseTensor* 10:s 11:ValueInfo* 12:ValueInfo* 13:ValueInfo* 14:Annotation* 16:Entry*",
    "Node": "1:s* 2:s* 3:s 4:s 7:s 8:s 5:Attribute* 6:s 9:Entry* 10:NodeDevice*",
    "Attribute": "1:s 21:s 13:s 20:v 2:f 3:v 4:s 5:Tensor 6:Graph 22:SparseTensor 14:Type 7:f* 8:v* 9:s* 10:Tensor* 11:Graph*"
    " 23:SparseTensor* 15:Type*",
    "Tensor": "1:v* 2:v 3:Segment 4:f* 5:v* 6:s* 7:v* 8:s 12:s 9:s 13:Entry* 14:v 10:d* 11:v* 16:Entry*",
    "Segment": "1:v 2:v",
    "SparseTensor": "1:Tensor 2:Tensor 3:v*",
    "ValueInfo": "1:s 2:Type 3:s 4:Entry*",
    "Type": "1:TensorType 4:Element 5:Map 9:Element 8:TensorType 7:Opaque 6:s",
    "TensorType": "1:v 2:Shape",
    "Element": "1:Type",
    "Map": "1:v 2:Type",
    "Opaque": "1:s 2:s",
    "Shape": "1:Dimension*",
    "Dimension": "1:v 2:s 3:s",
    "OperatorSet": "1:s 2:v",
    "Entry": "1:s 2:s",
    "Annotation": "1:s 2:Entry*",
    "Training": "1:Graph 2:Graph 3:Entry* 4:Entry*",
    "Function": "1:s 4:s* 5:s* 6:s* 11:Attribute* 7:Node* 8:s 9:OperatorSet* 10:s 13:s 12:ValueInfo* 14:Entry*",
    "Device": "1:s 2:v 3:s*",
    "NodeDevice": "1:s 2:Sharding* 3:v",
    "Sharding": "1:s 2:v* 3:Ints* 4:ShardedDim*",
    "Ints": "1:v 2:v*",
    "ShardedDim": "1:v 2:SimpleDim*",
    "SimpleDim": "1:v 2:s 3:v",
}
_WIRE = {"v": 0, "d": 1, "f": 5}  # everything else has a length: 2
_DOMAIN = {"Node": 7, "OperatorSet": 1, "Function": 10}
_OPERATOR = 4  # of a Node
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a Tensor
_KNOWN_DOMAINS = (b"", b"ai.onnx")
_LOOPS = (b"Loop", b"Scan", b"SequenceMap")
_NOT_HERE = {"Training": "training graphs", "Function": "local functions", "SparseTensor": "sparse tensors"}
_MAX_DEPTH = 32


class _Kind(NamedTuple):
    """What a field is: its wire type, the message in it (or ""), whether it may come again, whether packed is as good."""

    wire: int
    message: str
    repeated: bool
    packable: bool


def _kind(text: str) -> _Kind:
    name, repeated = text.rstrip("*"), text.endswith("*")
    return _Kind(_WIRE.get(name, 2), name if name in _SCHEMA_TEXT else "", repeated, repeated and name in _WIRE)


_SCHEMA = {
    message: {int(number): _kind(kind) for number, kind in (field.split(":") for field in fields.split())}
    for message, fields in _SCHEMA_TEXT.items()
}


def check_onnx(data: bytes, name: str) -> None:
    """Raises `UnsafeError` unless `data` is one self-contained graph of standard ONNX operators, in the one way to write it."""
    if data[4:8] == b"ORTM":
        raise UnsafeError(f"{name} is not an ONNX file: it is a model of onnxruntime's own format")
    try:
        fields = _check("Model", memoryview(data), name, 0)
    except IndexError:
        raise UnsafeError(f"{name} is not an ONNX file: it ends in the middle of a field") from None
    if 7 not in fields:
        raise UnsafeError(f"{name} is not an ONNX file: it has no graph")


def _check(message: str, data: memoryview, name: str, depth: int) -> set[int]:
    """Check a message and all below it; returns the numbers of its fields."""
    if depth > _MAX_DEPTH:
        raise UnsafeError(f"{name} is nested more than {_MAX_DEPTH} deep")
    seen: set[int] = set()
    for number, wire, value in _fields(data, name):
        kind = _SCHEMA[message].get(number)
        if kind is None or (wire != kind.wire and not (wire == 2 and kind.packable)):
            raise UnsafeError(f"{name} is not an ONNX file: {message} has no field {number} of wire type {wire}")
        if number in seen and not kind.repeated:
            raise UnsafeError(f"{name} is not an ONNX file: field {number} of {message} may stand once, but it stands again")
        seen.add(number)
        _refuse(message, number, value, name)
        if kind.message:
            assert isinstance(value, memoryview)
            _check(kind.message, value, name, depth + 1)
            if kind.message in _NOT_HERE:
                raise UnsafeError(f"{name} must be a plain graph for inference, but it holds {_NOT_HERE[kind.message]}")
    return seen


def _refuse(message: str, number: int, value: int | memoryview, name: str) -> None:
    """Raises for what a field of a well-formed file may not say."""
    if message == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
        raise UnsafeError(f"{name} must hold all of its data, but it refers to external data")
    if isinstance(value, int):
        return
    if number == _DOMAIN.get(message) and bytes(value) not in _KNOWN_DOMAINS:
        raise UnsafeError(f"{name} must use standard ONNX operators only, but it uses the domain {_shown(value)}")
    if message == "Node" and number == _OPERATOR and bytes(value) in _LOOPS:
        raise UnsafeError(f"{name} must have no loops, but it uses the operator {_shown(value)}")


def _fields(data: memoryview, name: str) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and value of each field of a message (protocol-buffer encoding: key = number·8 + wire type)."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position, name)
        number, wire = key >> 3, key & 7
        if key >= 2**32 or wire not in (0, 1, 2, 5):
            raise UnsafeError(f"{name} is not an ONNX file: field {number} of wire type {wire} at byte {position}")
        if wire == 0:
            value, position = _varint(data, position, name)
            yield number, wire, value
            continue
        size = {1: 8, 5: 4}.get(wire, 0)
        if wire == 2:
            size, position = _varint(data, position, name)
        if position + size > len(data):
            raise IndexError
        yield number, wire, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int, name: str) -> tuple[int, int]:
    """Seven bits a byte, lowest first, as long as the top bit is set.  Only the shortest way to write a number is taken."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift > 0) or value >= 2**64:
                raise UnsafeError(f"{name} is not an ONNX file: a number at byte {position} is longer than it need be")
            return value, position
    raise IndexError


def _shown(value: memoryview) -> str:
    return repr(bytes(value)[:80].decode(errors="replace"))
