"""The ranking as one HTML page that needs nothing beside it: pictures inside, light and dark, fit for printing."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from analysis.ranking.explanation import Explanation
from analysis.ranking.exploration import sample_batch, walk
from analysis.ranking.rank_batch import Ranking
from models.codec import Codec
from study.datasets import Images

__all__ = ["picture_uri", "rank_page"]

SHOWN_BARS = 6
TABLE_ROWS = 200
STRIP = 12

VERDICTS = {
    "odd": "{count} of {n} pictures stand out of this batch.",
    "nothing odd": "Nothing odd here: no picture stands out of the batch's own tail. The first ones are merely first.",
    "too few to say": "Too few pictures to say whether anything is odd. They are ranked, but the first is only first.",
    "all the same": "All pictures are the same to this model: nothing is odd.",
}
SELECTED = "{count} of {n} pictures are odd compared with the reference, at a false discovery rate of {fdr:g}."
NOT_SELECTED = "Nothing odd here: no picture can be told from the reference at a false discovery rate of {fdr:g}."

HOW_TO_READ = (
    "Bars add up to the score. A latent is a direction the model has learnt; it has no name, but the strip beside it shows "
    "what it does to this picture. Orange raises the score; blue lowers it: there the picture is no stranger to the batch "
    "than to pictures in general. The interval holds the rank in 90 % of resamples of this batch, with this model; "
    "a model trained with another seed puts about every second picture outside."
)


def rank_page(
    title: str,
    codec: Codec,
    images: Images,
    names: list[str],
    ranking: Ranking,
    explanations: list[Explanation],
    facts: dict[str, str],
    fdr: float,
    notes: tuple[str, ...],
) -> str:
    """The whole page.  `facts`: what was ranked with what, shown below the verdict."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    scale = max([float(np.quantile(e.residual, 0.995)) for e in explanations], default=0.0) or 1.0
    ordinary = ranking.order[::-1][:STRIP]
    return environment.get_template("ranking.html").render(
        title=title,
        verdict=_verdict(ranking, fdr),
        facts=list(facts.items()),
        notes=[*notes, *ranking.notes],
        ordinary=[picture_uri(image) for image in images[ordinary]],
        sampled=[picture_uri(image) for image in sample_batch(codec, ranking.batch, STRIP, members=_ordinary_half(ranking))],
        walked=[picture_uri(image) for image in walk(codec, ranking.batch, int(ordinary[0]), int(ranking.order[0]), STRIP)],
        how_to_read=HOW_TO_READ if ranking.scores.parts is not None else "",
        cards=[_card(images, names, ranking, explanation, scale) for explanation in explanations],
        calibrated=ranking.p_values is not None,
        table=[_row(ranking, names, int(row)) for row in ranking.order[:TABLE_ROWS]],
        more=max(0, len(ranking) - TABLE_ROWS),
    )


def picture_uri(image: NDArray[np.generic]) -> str:
    """A picture (C, H, W), uint8 or float in [0, 1], as a data URI."""
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        pixels = np.clip(pixels * 255, 0, 255).round().astype(np.uint8)
    pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _verdict(ranking: Ranking, fdr: float) -> str:
    template = VERDICTS[ranking.verdict]
    if ranking.p_values is not None and ranking.verdict in ("odd", "nothing odd"):
        template = SELECTED if ranking.verdict == "odd" else NOT_SELECTED
    return template.format(count=int(ranking.stand_out.sum()), n=len(ranking), fdr=fdr)


def _ordinary_half(ranking: Ranking) -> NDArray[np.int64]:
    return ranking.order[len(ranking) // 2 :]


def _card(images: Images, names: list[str], ranking: Ranking, e: Explanation, scale: float) -> dict[str, Any]:
    bars, axis = _bars(e)
    return {
        **_row(ranking, names, e.row),
        "name": names[e.row],
        "flag": "stands out" if ranking.stand_out[e.row] else "",
        "picture": picture_uri(images[np.array([e.row])][0]),
        "reconstruction": picture_uri(e.reconstruction),
        "residual": _heat(e.residual / scale),
        "error_ratio": f"{e.error_ratio:.1f}",
        "counterfactual": _counterfactual(e, len(ranking)),
        "bars": bars,
        "axis": axis,
        "traversal": None if e.traversal is None else [picture_uri(image) for image in e.traversal],
        "traversed": e.traversed,
        "typical": [picture_uri(image) for image in images[e.typical]],
    }


def _row(ranking: Ranking, names: list[str], row: int) -> dict[str, Any]:
    return {
        "rank": int(ranking.ranks[row]),
        "file": names[row],
        "score": f"{ranking.scores.values[row]:.2f}",
        "interval": f"{ranking.low[row]}–{ranking.high[row]}",
        "p_value": "" if ranking.p_values is None else f"{ranking.p_values[row]:.3g}",
        "odd": bool(ranking.stand_out[row]),
    }


def _counterfactual(e: Explanation, n: int) -> dict[str, str] | None:
    c = e.counterfactual
    if c is None:
        return None
    which = ", ".join(map(str, c.latents))
    plural = "s" if len(c.latents) > 1 else ""
    return {
        "picture": picture_uri(c.picture),
        "caption": f"latent{plural} {which} made ordinary: rank {c.before} → {c.after} of {n} (merely redrawn: {c.redrawn})",
    }


def _bars(e: Explanation) -> tuple[list[dict[str, Any]], float]:
    """The largest parts by size, the others in one bar, and what is not in the latents; positions in percent."""
    if e.parts is None:
        return [], 0.0
    leading = np.argsort(-np.abs(e.parts), kind="stable")
    named = sorted(leading[:SHOWN_BARS].tolist(), key=lambda latent: -e.parts[latent])  # type: ignore[index]
    values = [(f"latent {latent}", float(e.parts[latent])) for latent in named]
    if len(leading) > SHOWN_BARS:
        values.append((f"{len(leading) - SHOWN_BARS} other latents", float(e.parts[leading[SHOWN_BARS:]].sum())))
    values.append(("not in the latents", e.rest))
    low, high = min(0.0, *(value for _, value in values)), max(0.0, *(value for _, value in values))
    span = max(high - low, 1e-12)
    bars = [
        {
            "name": name,
            "value": value,
            "text": f"{value:.2f}",
            "left": round((min(value, 0) - low) / span * 100, 2),
            "width": round(abs(value) / span * 100, 2),
        }
        for name, value in values
    ]
    return bars, round(-low / span * 100, 2)


def _heat(values: NDArray[np.floating]) -> str:
    """(H, W), 0 … 1, in colours that also differ in grey."""
    colours = colormaps["inferno"](np.clip(values, 0, 1))[..., :3]
    return picture_uri(colours.transpose(2, 0, 1))
