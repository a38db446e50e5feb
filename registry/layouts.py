"""A version as a folder of plain files, in the layout that somebody else's tool reads.

files     as in the store: manifest.json, encoder.onnx, decoder.onnx, card.md, pictures/
mlflow    encoder/ and decoder/, each a model of MLflow's `onnx` flavour: `mlflow.onnx.load_model("…/encoder")`
triton    a model repository of NVIDIA's Triton server: NAME-encoder/1/model.onnx + config.pbtxt, NAME-decoder/…
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from registry.errors import RegistryError
from registry.manifest import Graph, TensorSpec
from registry.version import MANIFEST, Version

__all__ = ["export_folder"]

MAX_BATCH = 256  # the largest batch that Triton may form; memory of the activations grows with it
_TRITON_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}


def export_folder(version: Version, folder: Path, layout: str = "files") -> None:
    """Write the version, checked, into the new folder `folder`.  Raises `RegistryError` when that has content already."""
    if layout not in _LAYOUTS:
        raise RegistryError(f"layout must be one of {', '.join(_LAYOUTS)}, but got {layout!r}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RegistryError(f"the folder to export to must be new or empty, but {folder} is not")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for path, data in _LAYOUTS[layout](version).items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_bytes(data)
        staged.chmod(0o755)
        os.replace(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _files(version: Version) -> dict[str, bytes]:
    return {MANIFEST: version.manifest_bytes(), **version.read()}


def _mlflow(version: Version) -> dict[str, bytes]:
    files = version.read()
    signature = version.manifest.signature
    out = {"manifest.json": version.manifest_bytes()}
    for part, graph in (("encoder", signature.encoder), ("decoder", signature.decoder)):
        out[f"{part}/model.onnx"] = files[f"{part}.onnx"]
        out[f"{part}/MLmodel"] = _mlmodel(version, graph)
        out[f"{part}/requirements.txt"] = b"onnx\nonnxruntime\n"
    return out


def _mlmodel(version: Version, graph: Graph) -> bytes:
    """MLmodel is YAML; JSON is YAML, too."""
    tensors = {
        side: json.dumps([_mlflow_tensor(spec) for spec in specs])
        for side, specs in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    content = {
        "flavors": {
            "onnx": {"data": "model.onnx", "providers": ["CPUExecutionProvider"]},
            "python_function": {"loader_module": "mlflow.onnx", "data": "model.onnx"},
        },
        "signature": tensors,
        "utc_time_created": version.manifest.created,
        "metadata": {"name": version.name, "version": version.number, "digest": version.digest},
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _mlflow_tensor(spec: TensorSpec) -> dict[str, object]:
    shape = [size if isinstance(size, int) else -1 for size in spec.shape]
    return {"name": spec.name, "type": "tensor", "tensor-spec": {"dtype": spec.dtype, "shape": shape}}


def _triton(version: Version) -> dict[str, bytes]:
    files = version.read()
    signature = version.manifest.signature
    out = {}
    for part, graph in (("encoder", signature.encoder), ("decoder", signature.decoder)):
        name = f"{version.name}-{part}"
        out[f"{name}/1/model.onnx"] = files[f"{part}.onnx"]
        out[f"{name}/config.pbtxt"] = _pbtxt(name, graph)
    return out


def _pbtxt(name: str, graph: Graph) -> bytes:
    """Triton's text format.  `dims` leave out the batch; a label per image has none left, which is written as a reshape."""
    blocks = [f'name: "{name}"', 'platform: "onnxruntime_onnx"', f"max_batch_size: {MAX_BATCH}"]
    for side, specs in (("input", graph.inputs), ("output", graph.outputs)):
        for spec in specs:
            dims = ", ".join(str(size) for size in spec.shape[1:])
            shape = f"dims: [ {dims} ]" if dims else "dims: [ 1 ]\n    reshape: { shape: [ ] }"
            fields = f'name: "{spec.name}"\n    data_type: {_TRITON_TYPES[spec.dtype]}\n    {shape}'
            blocks.append(f"{side} [\n  {{\n    {fields}\n  }}\n]")
    return ("\n".join([*blocks, "dynamic_batching { }"]) + "\n").encode()


_LAYOUTS: dict[str, Callable[[Version], dict[str, bytes]]] = {"files": _files, "mlflow": _mlflow, "triton": _triton}
