"""What a VAE's ranking tells about a picture: a sentence, and what can be unfolded below it."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from analysis.ranking.explanation import Counterfactual, Explanation
from analysis.ranking.exploration import sample_batch, walk
from analysis.ranking.page import Folded, Strip
from analysis.ranking.rank_batch import Ranking
from models.codec import Codec
from study.datasets import Images
from study.views import place_of

__all__ = ["HOW_TO_READ", "about", "folded", "scale_of", "sentence"]

SHOWN_BARS = 6
STRIP = 12
AS_USUAL = 1.2
"""Below that many times the median error a picture is drawn as well as any."""

HOW_TO_READ = (
    "Bars add up to the score. A latent is a direction the model has learnt; it has no name, but the strip below shows "
    "what it does to this picture. Orange raises the score; blue lowers it: there the picture is no stranger to the batch "
    "than to pictures in general. Ranks of resamples are with this model; a model trained with another seed puts about every "
    "second picture outside."
)


def sentence(e: Explanation) -> str:
    """Drawn how, unusual where, and what making that ordinary does to its rank."""
    said = [
        f"drawn {e.error_ratio:.1f} × worse than usual, mostly at the {place_of(e.residual)}"
        if e.error_ratio > AS_USUAL
        else "drawn as well as is usual"
    ]
    if (c := e.counterfactual) is not None:
        said.append(f"most unusual in {_which(c)}; made ordinary there it has rank {c.after}")
    return "; ".join(said)


def folded(image: NDArray[np.uint8], e: Explanation, n: int, scale: float) -> Folded:
    """scale: the residual that is drawn brightest, the same for all pictures of a page."""
    strips = [
        Strip("the picture", [image]),
        Strip("as the model draws it", [e.reconstruction]),
        Strip(f"drawn worse than usual; error {e.error_ratio:.1f} × the median", [_heat(e.residual / scale)]),
    ]
    if (c := e.counterfactual) is not None:
        caption = f"{_which(c)} made ordinary: rank {c.before} → {c.after} of {n} (merely redrawn: {c.redrawn})"
        strips.append(Strip(caption, [c.picture]))
    if e.traversal is not None:
        strips.append(Strip(f"latent {e.traversed} from this picture's value to the batch's median", list(e.traversal)))
    return Folded("How the model draws it" if e.parts is None else "What the score is made of", strips, _bars(e))


def scale_of(explanations: list[Explanation]) -> float:
    """The residual to draw brightest."""
    return max([float(np.quantile(e.residual, 0.995)) for e in explanations], default=0.0) or 1.0


def about(codec: Codec, images: Images, ranking: Ranking) -> list[Strip]:
    """The most ordinary pictures, new ones drawn from the batch's own part of the latent space, and a walk to the oddest."""
    ordinary, half = ranking.order[::-1][:STRIP], ranking.order[len(ranking) // 2 :]
    sampled = sample_batch(codec, ranking.batch, STRIP, members=half)
    walked = walk(codec, ranking.batch, int(ordinary[0]), int(ranking.order[0]), STRIP)
    return [
        Strip("most ordinary", list(images[ordinary])),
        Strip("sampled from the batch's own part of the latent space: none of these exists", list(sampled)),
        Strip("a walk from the most ordinary picture to the oddest one", list(walked)),
    ]


def _which(c: Counterfactual) -> str:
    return f"latent{'s' if len(c.latents) > 1 else ''} {', '.join(map(str, c.latents))}"


def _bars(e: Explanation) -> list[tuple[str, float]]:
    """The largest parts by size, the others in one bar, and what is not in the latents."""
    if e.parts is None:
        return []
    leading = np.argsort(-np.abs(e.parts), kind="stable")
    named = sorted(leading[:SHOWN_BARS].tolist(), key=lambda latent: -e.parts[latent])  # type: ignore[index]
    values = [(f"latent {latent}", float(e.parts[latent])) for latent in named]
    if len(leading) > SHOWN_BARS:
        values.append((f"{len(leading) - SHOWN_BARS} other latents", float(e.parts[leading[SHOWN_BARS:]].sum())))
    return [*values, ("not in the latents", e.rest)]


def _heat(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(H, W), 0 … 1, in colours that also differ in grey, (3, H, W)."""
    colours = colormaps["inferno"](np.clip(values, 0, 1))[..., :3]
    return np.asarray(colours.transpose(2, 0, 1))
