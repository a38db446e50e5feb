"""A trained VAE as plain arrays in, plain arrays out: the same face that `registry.load` gives to an exported model.

Everything that evaluates, draws or ranks is written against `Codec`, so it runs on a torch model in a trial and on the
ONNX files of a published one without knowing which.  This module imports torch only when a torch model is wrapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.vae import VAE

__all__ = ["Codec", "TorchCodec"]

Floats = NDArray[np.float32]


class Codec(Protocol):
    """encode: images uint8 0..255 or float in [0, 1], (N, C, H, W) → (mu, logvar), each (N, D) float32.

    decode: z (N, D) → pixel means in [0, 1], (N, C, H, W) float32.  `condition`: int labels (N,) of a conditional model.
    """

    def encode(self, images: NDArray[np.generic], condition: NDArray[np.int64] | None = None) -> tuple[Floats, Floats]: ...

    def decode(self, z: NDArray[np.floating], condition: NDArray[np.int64] | None = None) -> Floats: ...


class TorchCodec:
    """`Codec` of a torch VAE, in chunks, in evaluation mode, on the device the model lives on, always in float32."""

    def __init__(self, model: VAE, chunk: int = 256) -> None:
        self.model = model
        self.chunk = chunk

    def encode(self, images: NDArray[np.generic], condition: NDArray[np.int64] | None = None) -> tuple[Floats, Floats]:
        """mu and logvar of q(z|x)."""
        scale = 255.0 if images.dtype == np.uint8 else 1.0
        latents = self._run(lambda x, c: self.model.encode(x.float() / scale, c), images, condition)
        return latents[0], latents[1]

    def decode(self, z: NDArray[np.floating], condition: NDArray[np.int64] | None = None) -> Floats:
        """Pixel means."""
        return self._run(lambda x, c: (self.model.decode(x.float(), c),), z, condition)[0]

    def _run(self, function, array, condition) -> list[Floats]:  # type: ignore[no-untyped-def]
        import torch

        device = next(self.model.parameters()).device
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                parts = []
                for start in range(0, max(len(array), 1), self.chunk):
                    rows = slice(start, start + self.chunk)
                    labels = None if condition is None else torch.as_tensor(condition[rows]).to(device)
                    x = torch.from_numpy(np.ascontiguousarray(array[rows])).to(device)
                    parts.append([out.cpu().numpy() for out in function(x, labels)])
        finally:
            self.model.train(was_training)
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
