"""What `python -m analysis.rank` does to a folder, as methods of BatchRank: pictures in, values and alarms out.

    folder            the default command without pretrained features: nothing is trained or pulled in
    folder_features   the default command with the registry's network; 10 ms a picture
    folder_trained    `--score contrast` without a model: a VAE trained on the very batch; 10 s to 2 minutes a batch
    view_NAME         one view of `study.views` alone, musc (Li et al. 2024) among them

They do not know the model that is measured: each batch is ranked once, whatever the number of models, and intervals cover
batches alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from analysis.ranking.quick_model import train_on
from analysis.ranking.rank_batch import encode_batch
from analysis.ranking.rank_views import DEFAULT_VIEWS, feature_model
from models.codec import TorchCodec
from models.errors import UserError
from models.outlier_scores import DEFAULT_SCORE, needs, score_batch, stands_out
from registry.features import FeatureModel
from study.batchrank.bench import Images, Judged, Ranker
from study.datasets import ArrayImages
from study.views import VIEWS, Seen, fuse, look_at, needed, stands_apart

__all__ = ["QUICK_PATHS", "WHOLE_PATHS", "path_of"]

ONE_VIEW = {f"view_{name}": name for name in VIEWS.names() if needed(name) == "images"}
QUICK_PATHS = ("folder", *ONE_VIEW)
"""Part of the default methods; the others cost too much to run unasked."""

WHOLE_PATHS = (*QUICK_PATHS, "folder_features", "folder_trained")


def path_of(method: str, registry: Path | None = None) -> Ranker:
    """The method of this name.  Raises `UserError` where it needs a network that the registry does not have."""
    if method == "folder_trained":
        return _once(_trained)
    if method == "folder_features":
        model = feature_model(registry)
        if isinstance(model, str):
            raise UserError(f"folder_features needs the network of pretrained features; {model}")
        return _once(partial(_by_views, DEFAULT_VIEWS, model))
    views = tuple(name for name in DEFAULT_VIEWS if needed(name) == "images") if method == "folder" else (ONE_VIEW[method],)
    return _once(partial(_by_views, views, None))


def _by_views(views: tuple[str, ...], model: FeatureModel | None, images: Images) -> Judged:
    """One view alone by its distances; several fused, with the alarm of the command."""
    seen = Seen(ArrayImages(images), None if model is None else model.encode(images))
    looks = {name: look_at(name, seen) for name in views}
    if len(views) == 1:
        values = looks[views[0]].distances
        return Judged(values, stands_apart(values))
    fused = fuse(seen, looks)
    return Judged(fused.values, stands_apart(fused.calm, fused.group))


def _trained(images: Images) -> Judged:
    model = train_on(ArrayImages(images), "batch")
    batch = encode_batch(TorchCodec(model), ArrayImages(images), needs(DEFAULT_SCORE))
    values = score_batch(DEFAULT_SCORE, batch).values
    return Judged(values, stands_out(values))


def _once(ranker: Callable[[Images], Judged]) -> Ranker:
    """Remembers what it said of a batch, for the next model."""
    known: dict[bytes, Judged] = {}

    def rank(images: Images) -> Judged:
        key = hashlib.blake2b(np.ascontiguousarray(images).tobytes(), digest_size=16).digest()
        if key not in known:
            known[key] = ranker(images)
        return known[key]

    return rank
