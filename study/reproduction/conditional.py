"""Does z still carry the image when the decoder is told the label?

A source found that "the output image is always decided by the input label instead of the input image", and expected a mix.
What a conditional VAE should do is give the label's class in the image's style.  These numbers tell which it does:

    recon_right, recon_wrong  squared error (summed over pixels) of the reconstruction told the true label, or a wrong one
    recon_label_alone         the same with z = 0: what the label alone gives
    explained_by_z            1 − recon_right / recon_label_alone: 0 where z says nothing, 1 where it says everything
    told_accuracy             share of the outputs with a wrong label that a classifier takes for what was told
    kept_accuracy             share that it takes for the true class still
    label_from_z              accuracy of a nearest-neighbour classifier (k = 10) that sees what the decoder sees: a sample of
                              q(z|x).  The means alone would not do: they may tell the label apart by a thousandth of the
                              posterior's width, which carries nothing (seen: 94 % from the means at a KL of 0.002 nats)
    style_ink, style_slant    correlation, over images, of style between the image and the output told a wrong label; ink is the
                              mean grey level, slant the shear of the ink (covariance of x and y by variance of y)

A healthy conditional VAE: told_accuracy near 1, style near 1, label_from_z near chance.  A collapsed one: explained_by_z near 0
and style near 0, whatever told_accuracy is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from models.codec import Codec
from models.posterior import draw
from study.reproduction.sample_quality import SmallClassifier

__all__ = ["conditional_measurement", "ink", "slant", "wrong_labels"]

Images = NDArray[np.floating]
Labels = NDArray[np.int64]


def conditional_measurement(
    codec: Codec, images: NDArray[np.uint8], labels: Labels, classes: int, classifier: SmallClassifier, seed: int = 0
) -> dict[str, float]:
    """The numbers above, from images (N, C, H, W) and their labels (N,); `classifier` judges the outputs."""
    wrong = wrong_labels(labels, classes, seed)
    mu, logvar = codec.encode(images, labels)
    z = draw(mu, logvar, seed)
    x = images / np.float32(255)
    right = codec.decode(mu, labels)
    swapped = codec.decode(codec.encode(images, wrong)[0], wrong)  # as the source does it: both sides are told the wrong one
    alone = codec.decode(np.zeros_like(mu), labels)
    errors = [_squared(y, x) for y in (right, swapped, alone)]
    seen = classifier.classify(swapped)
    return {
        "recon_right": errors[0],
        "recon_wrong": errors[1],
        "recon_label_alone": errors[2],
        "explained_by_z": 1 - errors[0] / errors[2],
        "told_accuracy": float((seen == wrong).mean()),
        "kept_accuracy": float((seen == labels).mean()),
        "classifier_accuracy": float((classifier.classify(images) == labels).mean()),
        "label_from_z": _neighbours(z, labels),
        "chance": float(np.bincount(labels).max() / len(labels)),
        "style_ink": _correlation(ink(x), ink(swapped)),
        "style_slant": _correlation(slant(x), slant(swapped)),
    }


def wrong_labels(labels: Labels, classes: int, seed: int = 0) -> Labels:
    """For each label another one, uniformly.

    >>> bool((wrong_labels(np.arange(10), 10) != np.arange(10)).all())
    True
    """
    shift = np.random.default_rng(seed).integers(1, classes, len(labels))
    return (labels + shift) % classes


def ink(images: Images) -> NDArray[np.float64]:
    """Mean grey level of images in [0, 1], (N,): how bold the picture is."""
    return np.asarray(images.mean(axis=(1, 2, 3), dtype=np.float64))


def slant(images: Images) -> NDArray[np.float64]:
    """Cov(x, y)/Var(y) of the ink, (N,): 0 upright; the shear that people undo when they deskew digits."""
    weight = images.mean(axis=1, dtype=np.float64) + 1e-9
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[: weight.shape[1], : weight.shape[2]].astype(np.float64)
    mean_x, mean_y = ((weight * axis).sum(axis=(1, 2), keepdims=True) for axis in (x, y))
    covariance = (weight * (x - mean_x) * (y - mean_y)).sum(axis=(1, 2))
    return np.asarray(covariance / (weight * (y - mean_y) ** 2).sum(axis=(1, 2)))


def _squared(y: Images, x: Images) -> float:
    return float(np.square(y - x, dtype=np.float64).sum(axis=(1, 2, 3)).mean())


def _neighbours(z: NDArray[np.float32], labels: Labels) -> float:
    half = len(z) // 2
    return float(KNeighborsClassifier(10).fit(z[:half], labels[:half]).score(z[half:], labels[half:]))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    if min(a.std(), b.std()) < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
