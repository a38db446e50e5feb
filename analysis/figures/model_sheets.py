"""Several models side by side: what they reconstruct of the same images, and what their latents do to one of them.

Sheets are drawn pixel for pixel (`study.figures.models.image_sheet`), for torch models and exported ones alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.tables.trial_models import TrialModel
from models.codec import Codec
from study.figures.models import TRAVERSED, image_sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reconstruction_sheet", "traversal_rows", "traversal_sheet"]


def reconstruction_sheet(models: Sequence[TrialModel], images: NDArray[np.uint8], names: Sequence[str] | None = None) -> Figure:
    """The images (n, C, H, W) above each model's reconstruction from the posterior mean.  names: instead of its label."""
    rows: list[NDArray[Any]] = [images, *(model.codec.decode(model.codec.encode(images)[0]) for model in models)]
    return image_sheet(rows, ["image", *(names or [model.label for model in models])], "")


def traversal_sheet(model: TrialModel, image: NDArray[np.uint8], rows: int = 6, steps: int = 7) -> Figure:
    """The `rows` latents of highest KL, each moved from −2.5 to 2.5 with the others as encoded.

    The axis is the latent's value in standard deviations of the prior; the mark above a row is the picture's own value (at the
    edge where that lies beyond).
    """
    from matplotlib.figure import Figure

    found = traversal_rows(model.codec, image, model.kl, rows, steps)
    own = model.codec.encode(image[None])[0][0]
    half = TRAVERSED / (steps - 1)
    cell = 0.75 * min(image.shape[-1] / 64, 1.5)  # inches
    figure = Figure(figsize=(cell * steps + 1.3, 1.1 * cell * len(found) + 0.6), layout="constrained")
    for axis, (latent, strip) in zip(figure.subplots(len(found), 1, squeeze=False, sharex=True)[:, 0], found, strict=True):
        joined = np.concatenate(list(strip), axis=-1)
        extent = (-TRAVERSED - half, TRAVERSED + half, 0.0, 1.0)
        axis.imshow(np.moveaxis(joined, 0, -1).squeeze(), cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto")
        axis.plot(np.clip(own[latent], -TRAVERSED, TRAVERSED), 1.04, "v", color="C1", ms=6, clip_on=False)
        axis.set_ylim(0, 1)
        axis.set_yticks([])
        axis.set_ylabel(f"z{latent}\n{model.kl[latent]:.1f} nats", rotation=0, ha="right", va="center", fontsize=11)
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
    axis.set_xticks([-2.5, -1.25, 0, 1.25, 2.5])
    axis.tick_params(labelsize=10)
    axis.set_xlabel("value of the latent (standard deviations of the prior)", fontsize=11)
    return figure


def traversal_rows(
    codec: Codec, image: NDArray[np.uint8], kl: NDArray[np.float64], rows: int = 6, steps: int = 7
) -> list[tuple[int, NDArray[np.float32]]]:
    """(latent, (steps, C, H, W)) for the latents that carry information (KL > 0.01 nats), highest KL first, at most `rows`."""
    mu, _ = codec.encode(image[None])
    order = [int(latent) for latent in np.argsort(kl)[::-1] if kl[latent] > 0.01][:rows] or [int(np.argmax(kl))]
    found = []
    for latent in order:
        z = np.repeat(mu, steps, axis=0)
        z[:, latent] = np.linspace(-TRAVERSED, TRAVERSED, steps, dtype=np.float32)
        found.append((latent, codec.decode(z)))
    return found
