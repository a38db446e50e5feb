"""Sheets of pictures.  Images are (n, C, H, W), uint8 or float in [0, 1], drawn pixel for pixel."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.codec import Codec
from study.figures.models import image_sheet

__all__ = [
    "arithmetic",
    "contact_sheet",
    "filters_over_training",
    "grid",
    "latent_plane",
    "morphs",
    "over_training",
    "wrong_labels",
]

Images = NDArray[Any]


def grid(images: Images, title: str, columns: int = 10) -> Figure:
    """Images in rows of `columns`, or all in one row where there are fewer; an incomplete last row is left out."""
    columns = min(columns, len(images))
    rows = [images[start : start + columns] for start in range(0, len(images) // columns * columns, columns)]
    return image_sheet(rows, [""] * len(rows), title)


def over_training(labels: Sequence[str], images: Sequence[Images], title: str, columns: int = 16) -> Figure:
    """One row a moment of the training, the same latents in every row."""
    return image_sheet([each[:columns] for each in images], labels, title)


def filters_over_training(labels: Sequence[str], filters: Sequence[NDArray[np.float32]], title: str, columns: int = 16) -> Figure:
    """First-layer weights, (n, c, h, w) each moment: mean over input channels unless they are colours; grey is zero."""
    rows = []
    for each in filters:
        shown = each if each.shape[1] == 3 else each.mean(axis=1, keepdims=True)
        scale = np.abs(shown).max(axis=(1, 2, 3), keepdims=True) + 1e-12
        rows.append(_enlarged(0.5 + 0.5 * shown / scale)[:columns])
    return image_sheet(rows, labels, title)


def morphs(codec: Codec, pairs: Mapping[str, tuple[Images, Images]], title: str, steps: int = 12) -> Figure:
    """From one image (1, C, H, W) to another, along the straight line between their posterior means; both ends as they are."""
    rows = []
    for start, stop in pairs.values():
        (a, _), (b, _) = codec.encode(start), codec.encode(stop)
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        between = codec.decode((1 - t) * a + t * b)
        rows.append(np.concatenate([_unit(start), between, _unit(stop)]))
    return image_sheet(rows, list(pairs), title)


def arithmetic(codec: Codec, triples: Sequence[tuple[str, Images, Images, Images]], title: str) -> Figure:
    """mean(a) − mean(b) + each of c: rows of (text, images a, images b, images c); c above the result."""
    rows, labels = [], []
    for text, a, b, c in triples:
        shift = codec.encode(a)[0].mean(0) - codec.encode(b)[0].mean(0)
        rows += [_unit(c), codec.decode(codec.encode(c)[0] + shift)]
        labels += ["image", text]
    return image_sheet(rows, labels, title)


def latent_plane(codec: Codec, title: str, side: int = 20) -> Figure:
    """Two latents: images at the quantiles of the prior, so that each has the same probability mass around it."""
    from scipy.stats import norm

    values = norm.ppf(np.linspace(0.5 / side, 1 - 0.5 / side, side)).astype(np.float32)
    rows = [codec.decode(np.stack([values, np.full(side, value, np.float32)], axis=1)) for value in values[::-1]]
    return image_sheet(rows, [f"{value:.1f}" for value in values[::-1]], title)


def wrong_labels(
    images: Images, outputs: Images, true: Sequence[str], told: Sequence[str], title: str, columns: int = 5
) -> Figure:
    """Pairs of image and what the model makes of it when told a wrong label, `columns` pairs a row."""
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(2.1 * columns, 1.35 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, output, is_a, told_a in zip(axes, _unit(images), _unit(outputs), true, told, strict=False):
        pair = np.concatenate([image, np.full_like(image[:, :, :2], 1.0), output], axis=2)
        axis.imshow(np.moveaxis(pair, 0, -1).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(f"{is_a}, told {told_a}", fontsize=7)
    figure.suptitle(title, fontsize=9)
    return figure


def contact_sheet(figures: Mapping[str, bytes], title: str, columns: int = 3, width: float = 6.0) -> Figure:
    """All figures (PNG files by name) on one sheet, packed into columns of `width` inches."""
    from PIL import Image

    opened = {name: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in figures.items()}
    heights = [0.0] * columns
    placed = []
    for name, image in opened.items():
        column = int(np.argmin(heights))
        height = image.shape[0] / image.shape[1]
        placed.append((name, image, column, heights[column]))
        heights[column] += height + 0.08
    total, font = max(heights), width / 6
    figure = Figure(figsize=(columns * width, total * width + 0.5))
    figure.suptitle(title, fontsize=14 * font, y=1 - 0.15 / (total * width + 0.5))
    scale = total * width / (total * width + 0.5)
    for name, image, column, top in placed:
        height = image.shape[0] / image.shape[1]
        box = (
            (column + 0.01) / columns,
            (1 - (top + 0.05 + height) / total) * scale,
            0.98 / columns,
            height * 0.98 / total * scale,
        )
        axis = figure.add_axes(box)
        axis.imshow(image, interpolation="antialiased")
        axis.set_axis_off()
        axis.set_title(name, fontsize=10 * font, loc="left", pad=2)
    return figure


def _unit(images: Images) -> NDArray[np.float32]:
    return (images / np.float32(255) if images.dtype == np.uint8 else images).astype(np.float32)


def _enlarged(images: NDArray[np.floating], least: int = 24) -> NDArray[np.floating]:
    """Small kernels repeated to at least `least` pixels a side."""
    times = max(1, math.ceil(least / images.shape[-1]))
    return images.repeat(times, axis=2).repeat(times, axis=3)
