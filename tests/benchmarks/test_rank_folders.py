"""How well folders are ranked without a model: class pairs of any labelled folder, and how often clean ones are called odd.

    VAE_CLASS_FOLDERS=/pictures/mnist:/pictures/cifar10 pytest tests/benchmarks/test_rank_folders.py -m benchmark -s

Each folder holds one sub-folder a class.  22 pairs of classes, 20 draws a pair; clean folders of 30, 100 and 500 of one class.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from registry.features import load_features
from study.batchrank.quality import ranking_quality
from study.datasets import ArrayImages, load_dataset
from study.views import Seen, fuse, look_at, stands_apart

PAIRS = [(a, (a + step) % 10) for a in range(10) for step in (1, 4)] + [(0, 7), (7, 0)]
CELLS = [(60, 3), (150, 5), (200, 5)]
CLEAN = (30, 100, 500)
ALONE = ("pixels", "features", "statistics")
WAYS = {"pixels": ("pixels",), "features": ("features",), "without features": ("pixels", "statistics"), "default": ALONE}


def ranked(images, features, views):
    """A folder, fused."""
    seen = Seen(ArrayImages(images), features)
    return fuse(seen, {view: look_at(view, seen) for view in views})


def pair_table(images, features, labels, draws=20, cells=CELLS):
    """{(way, n, odd): (mean AUROC, standard error over pairs, share of odd ones that stand apart, folders called odd)}."""
    found = {}
    for n, odd in cells:
        for way, views in WAYS.items():
            rows = []
            for a, b in PAIRS:
                here = []
                for draw in range(draws):
                    generator = np.random.default_rng([a, b, n, draw])
                    pick = [generator.choice(np.flatnonzero(labels == k), m, replace=False) for k, m in ((a, n), (b, odd))]
                    part = np.concatenate(pick)
                    got = ranked(images[part], features[part], views)
                    apart = stands_apart(got.calm)
                    which = np.arange(n + odd) >= n
                    here.append((ranking_quality(got.values, which)["auroc"], apart[which].mean(), apart.any()))
                rows.append(np.mean(here, axis=0))
            auroc, flagged, called = np.mean(rows, axis=0)
            found[way, n, odd] = (auroc, np.std(rows, axis=0)[0] / len(rows) ** 0.5, flagged, called)
    return found


def alarm_table(images, features, labels, draws=200):
    """{n: share of clean folders called odd}, by the default and without features."""
    return {
        (way, n): np.mean([
            stands_apart(ranked(images[part], features[part], WAYS[way]).calm).any()
            for draw in range(draws)
            for generator in [np.random.default_rng([n, draw])]
            for pool in [np.flatnonzero(labels == draw % (labels.max() + 1))]
            for part in [generator.choice(pool, n, replace=False)]
            if len(pool) >= n
        ])
        for way in ("default", "without features")
        for n in CLEAN
    }  # fmt: skip


def damaged(pictures, generator):
    """Five kinds of damage, one a picture: uint8 (5, C, H, W)."""
    blurred, noisy, blank, half, dark = pictures[:5].astype(np.float32)
    sigma = pictures.shape[-1] / 16
    blurred = gaussian_filter(blurred, (0, sigma, sigma))
    noisy = noisy + generator.normal(0, 50, noisy.shape)
    blank = np.full_like(blank, blank.mean())
    half[:, half.shape[1] // 2 :] = 128
    return np.clip(np.stack([blurred, noisy, blank, half, dark / 8]), 0, 255).astype(np.uint8)


@pytest.mark.benchmark
def test_folders():
    places = [Path(place) for place in os.environ.get("VAE_CLASS_FOLDERS", "").split(os.pathsep) if place]
    if not places:
        pytest.skip("VAE_CLASS_FOLDERS names no folders")
    for place in places:
        dataset = load_dataset(f"folder:{place}", image_size=32)
        rows = np.concatenate(list(dataset.parts.values()))
        images = dataset.images[rows]
        features = load_features().encode(images)
        labels = dataset.labels[rows]
        for key, row in pair_table(images, features, labels).items():
            print(place.name, *key, *np.round(row, 3))
        alarms = alarm_table(images, features, labels)
        print(place.name, {key: round(float(value), 3) for key, value in alarms.items()})
        assert max(alarms.values()) <= 0.10
