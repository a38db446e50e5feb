"""From a torch VAE to two ONNX files: the only module of the registry, with `feature_export`, that imports torch.

    encoder.onnx   image (batch, C, H, W) float32 in [0, 1] [, condition (batch,) int64]  →  mu, logvar (batch, D)
    decoder.onnx   z (batch, D) float32 [, condition]  →  pixels (batch, C, H, W) in [0, 1]

Nothing is sampled inside.  The bytes are canonical: torch's exporter writes source paths, stack traces and its own version
into the graph; all of that is removed and the rest serialised deterministically, so that the same weights give the same
bytes on any machine with the same exporter.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from models.vae import VAE

__all__ = ["DECODER", "ENCODER", "cpu_copy", "export_onnx", "to_onnx"]

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"


class _Encoder(nn.Module):
    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.vae.encode(image, condition)


class _Decoder(nn.Module):
    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.vae.decode(z, condition)


def cpu_copy(model: VAE) -> VAE:
    """The same model in float32 on the CPU, in evaluation mode: what the exported files are compared with."""
    copy = VAE(model.config)
    copy.load_state_dict({name: tensor.detach().float().cpu() for name, tensor in model.state_dict().items()})
    return copy.eval()


def export_onnx(model: VAE) -> dict[str, bytes]:
    """`{"encoder.onnx": …, "decoder.onnx": …}` of the model in float32, for any batch size."""
    config, on_cpu = model.config, cpu_copy(model)
    # A traced batch of 2: torch treats sizes 0 and 1 as constants.
    told = {} if config.condition is None else {"condition": torch.zeros(2, dtype=torch.int64)}
    images, latents = torch.zeros(2, *config.image_shape), torch.zeros(2, config.latent_dim)
    return {
        ENCODER: to_onnx(_Encoder(on_cpu), {"image": images} | told, ["mu", "logvar"]),
        DECODER: to_onnx(_Decoder(on_cpu), {"z": latents} | told, ["pixels"]),
    }


def to_onnx(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str]) -> bytes:
    """Canonical bytes of any module, for any batch size; inputs: examples of two rows, by name."""
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    return _canonical(program.model_proto)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns about its own internals, which no user can act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _canonical(model: Any) -> bytes:
    """Without anything that depends on where, when and by whom it was exported."""
    for message in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.initializer,
        *model.graph.input,
        *model.graph.output,
    ):
        message.ClearField("doc_string")
        message.ClearField("metadata_props")
    for name in ("producer_name", "producer_version", "domain", "model_version"):
        model.ClearField(name)
    for node in model.graph.node:
        node.ClearField("name")
    model.graph.ClearField("value_info")  # shapes of intermediate results: onnxruntime infers them again
    model.graph.name = "vae"
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
