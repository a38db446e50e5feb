"""Pictures of a study's best models: loss curves, reconstructions, latent traversals.

Every function takes plain arrays or a `Codec` and gives a matplotlib Figure; `png` turns one into bytes.  Sheets of images are
drawn pixel for pixel, the same way for a torch model and for an exported one.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.codec import Codec

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["image_sheet", "learning_curves", "png", "reconstructions", "traversal"]

TRAVERSED = 2.5  # standard deviations of the prior to both sides


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, 150 dots an inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()


def image_sheet(rows: Sequence[NDArray[Any]], labels: Sequence[str], title: str) -> Figure:
    """Rows of images, each (n, C, H, W), uint8 or float in [0, 1]; one label a row."""
    from matplotlib.figure import Figure

    strips = [_strip(images) for images in rows]
    height, width = strips[0].shape[:2]
    figure = Figure(figsize=(width / 60 + 1, len(strips) * height / 60 + 0.4))
    axes = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    for axis, strip, label in zip(axes, strips, labels, strict=True):
        axis.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    axes[0].set_title(title, fontsize=9)
    figure.subplots_adjust(hspace=0.04)
    return figure


def reconstructions(codec: Codec, images: NDArray[np.uint8], title: str, condition: NDArray[np.int64] | None = None) -> Figure:
    """Images above their reconstructions from the posterior mean."""
    mu, _ = codec.encode(images, condition)
    return image_sheet([images, codec.decode(mu, condition)], ["image", "reconstruction"], title)


def traversal(
    codec: Codec,
    image: NDArray[np.uint8],
    kl: Sequence[float],
    title: str,
    condition: NDArray[np.int64] | None = None,
    steps: int = 11,
) -> Figure:
    """One image's code, each latent moved from −2.5 to 2.5 in its own row; latents by falling KL (nats), dead ones left out.

    kl: mean KL of every latent, (D,).  At most 12 rows.
    """
    mu, _ = codec.encode(image[None], condition)
    values = np.linspace(-TRAVERSED, TRAVERSED, steps, dtype=np.float32)
    order = [int(d) for d in np.argsort(kl)[::-1] if kl[d] > 0.01][:12] or [int(np.argmax(kl))]
    rows, labels = [], []
    told = None if condition is None else np.repeat(condition, steps)
    for latent in order:
        z = np.repeat(mu, steps, axis=0)
        z[:, latent] = values
        rows.append(codec.decode(z, told))
        labels.append(f"z{latent}  {kl[latent]:.1f} nats")
    return image_sheet(rows, labels, title)


def learning_curves(history: pd.DataFrame, labels: dict[int, str]) -> Figure:
    """Reconstruction and KL (nats per image, training batches) over the run, one line a trial and replicate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for trial, label in labels.items():
        for replicate, run in history[history["trial"] == trial].groupby("replicate"):
            for axis, column in zip(axes, ("recon", "kl"), strict=True):
                axis.plot(run["step"], run[column], label=label if replicate == 0 else None)
    for axis, name in zip(axes, ("reconstruction NLL", "KL"), strict=True):
        axis.set_xlabel("training step")
        axis.set_ylabel(f"{name} (nats per image)")
    if history["recon"].min() > 0:  # −log of a density may be below 0
        axes[0].set_yscale("log")
    if labels:
        axes[1].legend(fontsize=7)
    return figure


def _strip(images: NDArray[Any]) -> NDArray[Any]:
    """(n, C, H, W) → one row of images with a thin gap: (H, W', 3) or (H, W')."""
    scaled = images / 255 if images.dtype == np.uint8 else images
    padded = np.pad(scaled, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=0.5)
    row = np.concatenate(list(padded), axis=-1)
    return row[0] if row.shape[0] == 1 else np.moveaxis(row, 0, -1)
