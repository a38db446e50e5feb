"""Reconstruction error in nats per image, from pixel means alone, in NumPy.

A published model has no logits, only the decoder's pixel means; a number that both a torch model and its ONNX export
can be held to is therefore computed from those, the same way for both.  Means are clipped to [1e-7, 1 − 1e-7]: a pixel
that is confidently wrong costs at most 16.1 nats here and more in the training loss, which works on logits; the two are
equal where a model is not that sure, but an overfitted one looks a few per cent better here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.config import Likelihood

__all__ = ["CLIP", "mean_image_nll", "perfect_nll", "reconstruction_nll"]

CLIP = 1e-7

Floats = NDArray[np.float64]


def reconstruction_nll(likelihood: Likelihood, means: NDArray[np.floating], images: NDArray[np.uint8]) -> Floats:
    """−log p(x|z) of each image (N,), nats: pixel means in [0, 1] and images 0..255, both (N, C, H, W).

    >>> reconstruction_nll(Likelihood(), np.full((1, 1, 1, 2), 0.5), np.array([[[[0, 255]]]], dtype=np.uint8)) / math.log(2)
    array([2.])
    """
    x = images.reshape(len(images), -1)
    y = means.reshape(len(means), -1)
    if likelihood.kind == "gaussian":
        return _gaussian(likelihood.scale, np.square(y - x / np.float32(255)), x.shape[1])
    y = np.clip(y, np.float32(CLIP), np.float32(1 - CLIP))
    right = np.where(x == 255, y, 1 - y)  # a black-and-white pixel needs one logarithm …
    grey = (x != 0) & (x != 255)
    total: Floats = -np.log(right, out=right).sum(axis=1, dtype=np.float64)
    if grey.any():  # … a grey one the other as well: log(1−y) became x log y + (1−x) log(1−y)
        odds = np.where(grey, np.log(y) - np.log1p(-y), 0) * (x / np.float32(255))
        total -= odds.sum(axis=1, dtype=np.float64)
    return total


def mean_image_nll(likelihood: Likelihood, mean: Floats, mean_square: Floats) -> float:
    """The best constant reconstruction's error, nats per image: what a model without any information can reach.

    mean, mean_square: of every pixel over the sample, images scaled to [0, 1], any shape.
    """
    if likelihood.kind == "gaussian":
        return float(_gaussian(likelihood.scale, (mean_square - mean**2).reshape(1, -1), mean.size)[0])
    return float(_binary_entropy(np.clip(mean, CLIP, 1 - CLIP)).sum())


def perfect_nll(likelihood: Likelihood, images: NDArray[np.uint8]) -> Floats:
    """The error of a decoder that returns the image itself (N,), nats: the floor.  Not 0 for grey pixels."""
    flat = images.reshape(len(images), -1)
    if likelihood.kind == "gaussian":
        return _gaussian(likelihood.scale, np.zeros((len(flat), 1)), flat.shape[1])
    table = _binary_entropy(np.clip(np.arange(256) / 255, CLIP, 1 - CLIP))
    return np.asarray(table[flat].sum(axis=1))


def _gaussian(scale: float, squares: NDArray[np.floating], pixels: int) -> Floats:
    constant = pixels * math.log(scale * math.sqrt(2 * math.pi))
    return np.asarray(squares.sum(axis=1, dtype=np.float64) / (2 * scale**2) + constant)


def _binary_entropy(p: Floats) -> Floats:
    return np.asarray(-p * np.log(p) - (1 - p) * np.log1p(-p))
