"""An encoder whose layers can be looked at: the same network, whose nonlinearities are outputs, too.

The last of the first source's interactive points.  Nothing else about the network changes, so its answers stay the same.
"""

from __future__ import annotations

import onnx

__all__ = ["NONLINEAR", "with_activations"]

NONLINEAR = ("Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Clip")
MOST = 12  # layers


def with_activations(encoder: bytes) -> tuple[bytes, list[str]]:
    """The network with more outputs, and their names from the picture inwards, at most 12."""
    model = onnx.load_model_from_string(encoder)
    graph = model.graph
    given = {value.name for value in graph.output}
    names = [node.output[0] for node in graph.node if node.op_type in NONLINEAR and node.output[0] not in given]
    if len(names) > MOST:  # of a deep network, some of every depth
        names = [names[round(k * (len(names) - 1) / (MOST - 1))] for k in range(MOST)]
    graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    return model.SerializeToString(), names
