"""The network itself: a drawing with the sizes that really occur, and what its convolutions see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from models.vae import VAE
from study.figures.models import image_sheet

__all__ = ["drawing", "feature_maps"]

SHOWN = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def drawing(model: VAE, title: str) -> Figure:
    """Encoder to the left of z, decoder to the right: one box a weight layer, its height the logarithm of its outputs."""
    encoder, decoder = (_layers(model, part) for part in ("encoder", "decoder"))
    start = ("image", model.config.image_shape)
    boxes = [start, *encoder[:-1], ("μ, log σ²", (2 * model.config.latent_dim,)), ("z", (model.config.latent_dim,)), *decoder]
    figure = Figure(figsize=(max(6.0, 0.85 * len(boxes)), 3.4), layout="constrained")
    axis = figure.subplots()
    for place, (name, shape) in enumerate(boxes):
        height = 0.3 + math.log10(math.prod(shape)) / 4
        colour = "0.8" if place == 0 else "C1" if name in ("μ, log σ²", "z") else "C0" if place <= len(encoder) else "C2"
        axis.bar(place, height, width=0.62, bottom=-height / 2, color=colour, alpha=0.7)
        axis.text(place, 0, "×".join(map(str, shape)), rotation=90, ha="center", va="center", fontsize=8)
        axis.text(place, -0.72, name, ha="center", va="top", fontsize=6, rotation=30)
        if place:
            axis.annotate("", (place - 0.31, 0), (place - 0.69, 0), arrowprops={"arrowstyle": "->", "color": "0.4"})
    parameters = sum(p.numel() for p in model.parameters())
    axis.set_title(f"{title}: {model.config.architecture}, {parameters:,} parameters", fontsize=9)
    axis.set_ylim(-1.05, 0.75)
    axis.set_axis_off()
    return figure


def feature_maps(model: VAE, image: NDArray[np.uint8], title: str, label: int | None = None, columns: int = 16) -> Figure:
    """Outputs of the encoder's convolutions for one image (C, H, W), a row each; every map scaled to its own range."""
    maps: list[NDArray[np.float32]] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: maps.append(out[0, :columns].detach().float().numpy()))
        for layer in model.encoder.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    try:
        _encode(model, torch.from_numpy(image[None] / np.float32(255)), label)
    finally:
        for hook in hooks:
            hook.remove()
    chosen = maps[:: max(1, len(maps) // 5)][:6]
    sizes = [each.shape[1] for each in chosen]
    rows = [_scaled(each, max(image.shape[1], 32)) for each in chosen]
    names = [f"convolution {maps_index(maps, each) + 1}, {size}×{size}" for each, size in zip(chosen, sizes, strict=True)]
    return image_sheet(rows, names, title)


def maps_index(maps: list[NDArray[np.float32]], wanted: NDArray[np.float32]) -> int:
    """The place of this very array."""
    return next(place for place, each in enumerate(maps) if each is wanted)


def _layers(model: VAE, part: str) -> list[tuple[str, tuple[int, ...]]]:
    """(kind, output shape) of every weight layer, from a pass of one grey image."""
    found: list[tuple[str, tuple[int, ...]]] = []

    def note(layer: nn.Module, _: Any, out: torch.Tensor) -> None:
        found.append((_kind(layer), tuple(out.shape[1:])))

    hooks = [layer.register_forward_hook(note) for layer in getattr(model, part).modules() if isinstance(layer, SHOWN)]
    try:
        mu = _encode(model, torch.full((1, *model.config.image_shape), 0.5), 0)
        if part == "decoder":
            with torch.inference_mode():
                model.decode(mu, _told(model, 0))
    finally:
        for hook in hooks:
            hook.remove()
    if len(found) > 14:  # a ResNet: every other block is enough to see the shape
        found = [*found[: -1 : len(found) // 12], found[-1]]
    return found


def _encode(model: VAE, x: torch.Tensor, label: int | None) -> torch.Tensor:
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        mu, _ = model.encode(x, _told(model, label))
    model.train(was_training)
    return mu


def _told(model: VAE, label: int | None) -> torch.Tensor | None:
    return None if model.config.condition is None else torch.tensor([label or 0])


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, nn.Linear):
        return "linear"
    assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    what = "conv" if isinstance(layer, nn.Conv2d) else "transposed"
    return f"{what} {layer.kernel_size[0]}, stride {layer.stride[0]}"


def _scaled(maps: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(n, h, w) → (n, 1, side', side'), each map from black to white."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    unit = (maps - low) / np.maximum(high - low, 1e-12)
    times = max(1, side // maps.shape[1])
    enlarged: NDArray[np.float32] = unit.repeat(times, axis=1).repeat(times, axis=2)[:, None]
    return enlarged
