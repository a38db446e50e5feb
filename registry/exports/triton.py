"""A model repository of NVIDIA's Triton server: `tritonserver --model-repository PLACE`.

NAME-encoder/config.pbtxt    the protobuf text of `ModelConfig` (triton-inference-server/common, model_config.proto)
NAME-encoder/3/model.onnx    under the version's own number, so that a later version can be put beside it
NAME-decoder/…
"""

from __future__ import annotations

from registry.exports._folders import new_folder as check
from registry.exports._folders import write_folder
from registry.manifest import Graph
from registry.version import Version

__all__ = ["READ_BY", "check", "write"]

READ_BY = "NVIDIA's Triton inference server"
MAX_BATCH = 256  # the largest batch that Triton may form; memory of the activations grows with it
_TYPES = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}


def write(version: Version, place: str) -> str:
    """Into the new folder `place`."""
    files, signature = version.read(), version.manifest.signature
    out = {}
    for part, graph in (("encoder", signature.encoder), ("decoder", signature.decoder)):
        name = f"{version.name}-{part}"
        out[f"{name}/{version.number}/model.onnx"] = files[f"{part}.onnx"]
        out[f"{name}/config.pbtxt"] = _pbtxt(name, graph).encode()
    write_folder(place, out)
    return place


def _pbtxt(name: str, graph: Graph) -> str:
    """Triton's text format.  `dims` leave out the batch; a label per image has none left, which is written as a reshape."""
    blocks = [f'name: "{name}"', 'platform: "onnxruntime_onnx"', f"max_batch_size: {MAX_BATCH}"]
    for side, specs in (("input", graph.inputs), ("output", graph.outputs)):
        for spec in specs:
            dims = ", ".join(str(size) for size in spec.shape[1:])
            shape = f"dims: [ {dims} ]" if dims else "dims: [ 1 ]\n    reshape: { shape: [ ] }"
            fields = f'name: "{spec.name}"\n    data_type: {_TYPES[spec.dtype]}\n    {shape}'
            blocks.append(f"{side} [\n  {{\n    {fields}\n  }}\n]")
    return "\n".join([*blocks, "dynamic_batching { }"]) + "\n"
