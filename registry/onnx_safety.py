"""What is in an ONNX file, found out before any runtime opens it.

An ONNX file may point to other files (external data) and call operators of foreign libraries; both have led to published
attacks.  The bare install has onnxruntime but not the `onnx` package, so this module walks the file's protocol-buffer
fields itself.  It needs only the few field numbers below, from the ONNX specification (onnx.proto), and skips all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry.errors import UnsafeError

__all__ = ["check_onnx"]

# message → {field number: kind of message in it}; all fields that lead to nodes, tensors or operator sets.
_CHILDREN = {
    "Model": {7: "Graph", 8: "OperatorSet", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Function": {7: "Node", 9: "OperatorSet", 11: "Attribute"},
}
_DOMAIN = {"Node": 7, "OperatorSet": 1, "Function": 10}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a Tensor
_KNOWN_DOMAINS = (b"", b"ai.onnx")
_MAX_DEPTH = 32


class _Field(NamedTuple):
    number: int
    value: int | memoryview


def check_onnx(data: bytes, name: str) -> None:
    """Raises `UnsafeError` unless `data` is one self-contained graph of standard ONNX operators."""
    try:
        graphs = _check("Model", memoryview(data), name, 0)
    except IndexError:
        raise UnsafeError(f"{name} is not an ONNX file: it ends in the middle of a field") from None
    if graphs == 0:
        raise UnsafeError(f"{name} is not an ONNX file: it has no graph")


def _check(message: str, data: memoryview, name: str, depth: int) -> int:
    """Check a message and all below it; returns how many graphs it holds directly."""
    if depth > _MAX_DEPTH:
        raise UnsafeError(f"{name} is nested more than {_MAX_DEPTH} deep")
    graphs = 0
    for number, value in _fields(data, name):
        if message == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            raise UnsafeError(f"{name} must hold all of its data, but it refers to external data")
        if number == _DOMAIN.get(message) and (isinstance(value, int) or bytes(value) not in _KNOWN_DOMAINS):
            raise UnsafeError(f"{name} must use standard ONNX operators only, but it uses the domain {_shown(value)}")
        child = _CHILDREN.get(message, {}).get(number)
        if child == "Training":
            raise UnsafeError(f"{name} must be for inference, but it holds training graphs")
        if child is not None:
            if isinstance(value, int):
                raise UnsafeError(f"{name} is not an ONNX file: field {number} of {message} is a number")
            graphs += child == "Graph"
            _check(child, value, name, depth + 1)
    return graphs


def _fields(data: memoryview, name: str) -> Iterator[_Field]:
    """The fields of one message (protocol-buffer encoding): key = number·8 + wire type, then the value."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield _Field(number, value)
            continue
        if wire not in (1, 2, 5):
            raise UnsafeError(f"{name} is not an ONNX file: wire type {wire} at byte {position}")
        size = {1: 8, 5: 4}.get(wire, 0)
        if wire == 2:
            size, position = _varint(data, position)
        if position + size > len(data):
            raise IndexError
        yield _Field(number, data[position : position + size])
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Seven bits a byte, lowest first, as long as the top bit is set; at most ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise IndexError


def _shown(value: int | memoryview) -> str:
    return repr(value if isinstance(value, int) else bytes(value)[:80].decode(errors="replace"))
