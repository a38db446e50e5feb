"""An ONNX file with the data that it keeps in files beside it, as bytes that hold everything.

PyTorch's and MLflow's exporters put large tensors into `NAME.onnx.data`.  A file that names its data's place can name any place:
here it is a plain name in the same folder, a plain file there, and a part that the file has.  Needs the `onnx` package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from registry.errors import NotFoundError, UnsafeError
from registry.version import MAX_FILE_BYTES

__all__ = ["read_onnx"]


def read_onnx(path: Path) -> bytes:
    """The network's bytes.  Raises `RegistryError`; what is in the graph is left to `registry.onnx_safety`."""
    data = _plain(path)
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own
        raise UnsafeError(f"{path} is not an ONNX file: {str(error).strip().partition(chr(10))[0][:200]}") from None
    outside = [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    if not outside:
        return data
    beside: dict[str, bytes] = {}
    for tensor in outside:
        tensor.raw_data = _part(path, {entry.key: entry.value for entry in tensor.external_data}, beside)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    if model.ByteSize() > MAX_FILE_BYTES:
        raise UnsafeError(f"a network has at most {MAX_FILE_BYTES} bytes, but {path} with its data has {model.ByteSize()}")
    whole: bytes = model.SerializeToString(deterministic=True)
    return whole


def _part(path: Path, said: dict[str, Any], beside: dict[str, bytes]) -> bytes:
    name = said.get("location", "")
    if not name or Path(name).name != name or "\\" in name:
        raise UnsafeError(f"{path} must keep its data in the same folder, but it names {name[:100]!r}")
    if name not in beside:
        beside[name] = _plain(path.parent / name)
    try:
        start = int(said.get("offset", 0))
        stop = start + int(said["length"]) if "length" in said else len(beside[name])
    except ValueError:
        raise UnsafeError(f"{path} does not say which part of {name} it means") from None
    if not 0 <= start <= stop <= len(beside[name]):
        raise UnsafeError(f"{path} means bytes {start} to {stop} of {name}, which has {len(beside[name])}")
    return beside[name][start:stop]


def _plain(path: Path) -> bytes:
    if not path.exists():
        raise NotFoundError(f"there is no file {path}")
    if path.is_symlink() or not path.is_file():
        raise UnsafeError(f"a network is a plain file, but {path} is none")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnsafeError(f"a network has at most {MAX_FILE_BYTES} bytes, but {path} has {path.stat().st_size}")
    return path.read_bytes()
