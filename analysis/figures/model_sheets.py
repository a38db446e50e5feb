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


def reconstruction_sheet(models: Sequence[TrialModel], images: NDArray[np.uint8]) -> Figure:
    """The images (n, C, H, W) above each model's reconstruction from the posterior mean."""
    rows: list[NDArray[Any]] = [images, *(model.codec.decode(model.codec.encode(images)[0]) for model in models)]
    return image_sheet(rows, ["image", *(model.label for model in models)], "")


def traversal_sheet(models: Sequence[TrialModel], image: NDArray[np.uint8], rows: int = 6, steps: int = 7) -> Figure:
    """One column of strips a model: its `rows` latents of highest KL, each moved from −2.5 to 2.5 with the others as encoded."""
    strips: list[NDArray[np.float32]] = []
    labels = []
    gap = np.full((1, *image.shape), 0.5, np.float32)
    found = [traversal_rows(model.codec, image, model.kl, rows, steps) for model in models]
    for place in range(max(len(each) for each in found)):
        blank = np.full((steps, *image.shape), 0.5, np.float32)
        cells = [each[place] if place < len(each) else (None, blank) for each in found]
        joined = [part for _, strip in cells for part in (strip, gap)][:-1]
        strips.append(np.concatenate(joined))
        labels.append(
            " | ".join("–" if d is None else f"z{d} {model.kl[d]:.1f}" for (d, _), model in zip(cells, models, strict=True))
        )
    titles = " | ".join(model.label for model in models)
    return image_sheet(strips, labels, f"{titles}   (latent, its KL in nats)")


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
