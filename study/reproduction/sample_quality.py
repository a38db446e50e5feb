"""How good are the samples?  Fréchet distance and inception score, measured by a small classifier trained here.

    classifier_frechet_distance   ‖m₁ − m₂‖² + tr(S₁ + S₂ − 2(S₁S₂)^½)      (Heusel et al. 2017, eq. 6)
    classifier_inception_score    exp E_x KL(p(y|x) ‖ p(y))                  (Salimans et al. 2016)

with mean m and covariance S of the 64 features before the classifier's last layer, and its class probabilities p(y|x).  The
published numbers use Inception v3's 2,048 features of ImageNet; these use a small convolution net trained on the very data
set, so they are NOT comparable with any published FID or IS, only with one another on the same data set with the same number
of images: both are biased for few images (the distance upwards), which is why real pictures get the same treatment.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg
from torch import Tensor, nn
from torch.nn import functional as F

from models.codec import unit_images
from models.errors import UserError
from models.files import write_atomically
from study.datasets import Dataset
from study.training.batches import Batches

__all__ = ["SampleQuality", "SmallClassifier", "classifier_frechet_distance", "classifier_inception_score", "small_classifier"]

FEATURES = 64
STEPS = 1_000
PASSES = 20  # over a small data set: fewer steps then
Floats = NDArray[np.float64]


class SmallClassifier(nn.Module):
    """Two stride-2 convolutions, 32 and 64 channels → 64 features → classes.  `accuracy`: on the test part."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.image_shape, self.accuracy = image_shape, float("nan")
        self.body = nn.Sequential(
            nn.Conv2d(image_shape[0], 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.AdaptiveMaxPool2d(4), nn.Flatten(), nn.Linear(64 * 16, FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits (B, classes)."""
        logits: Tensor = self.head(self.body(x_BCHW))
        return logits

    def look(self, images: NDArray[np.generic]) -> tuple[Floats, Floats]:
        """Features (N, 64) and class probabilities (N, classes) of images uint8 or float in [0, 1], (N, C, H, W)."""
        x = torch.from_numpy(unit_images(images, self.image_shape))
        with torch.inference_mode():
            features = torch.cat([self.body(part) for part in torch.split(x, 500)])
            probabilities = F.softmax(self.head(features), dim=1)
        return features.double().numpy(), probabilities.double().numpy()

    def classify(self, images: NDArray[np.generic]) -> NDArray[np.int64]:
        """The likeliest class of every image, (N,)."""
        return np.asarray(self.look(images)[1].argmax(axis=1))


@dataclass(frozen=True)
class SampleQuality:
    """Judges samples of one data set against as many of its test images."""

    classifier: SmallClassifier
    real: NDArray[np.uint8]

    def scores(self, samples: NDArray[np.generic]) -> dict[str, float]:
        """Both numbers of `samples` (N, C, H, W)."""
        features, probabilities = self.classifier.look(samples)
        return {
            "classifier_frechet_distance": classifier_frechet_distance(features, self.classifier.look(self.real)[0]),
            "classifier_inception_score": classifier_inception_score(probabilities),
        }


def classifier_frechet_distance(a: Floats, b: Floats) -> float:
    """Between Gaussians with the mean and covariance of features (N, K) and (M, K); 0 for equal ones.

    tr (S₁S₂)^½ is the sum of the square roots of S₁S₂'s eigenvalues, which are real and ≥ 0 up to rounding.
    """
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.clip(linalg.eigvals(first @ second).real, 0, None))
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first) + np.trace(second) - 2 * roots.sum())


def classifier_inception_score(probabilities: Floats) -> float:
    """From p(y|x), (N, classes): 1 (unsure or always the same) to the number of classes (sure and diverse).

    >>> classifier_inception_score(np.eye(4))
    4.0
    """
    p = np.clip(probabilities, 1e-16, 1)
    divergence = (p * (np.log(p) - np.log(p.mean(axis=0)))).sum(axis=1)
    return round(float(np.exp(divergence.mean())), 12)


def small_classifier(dataset: Dataset, data: Path, seed: int = 0) -> SmallClassifier:
    """The classifier of a labelled data set: from the cache in `data`, or trained now (about 20 s on two cores).

    Raises `UserError` for a data set without labels.
    """
    if dataset.labels is None:
        raise UserError(f"sample quality needs a classifier, and that needs labels, but {dataset.name} has none")
    classifier = SmallClassifier(dataset.image_shape, len(dataset.label_names))
    path = data / "cache" / f"classifier-{dataset.digest.removeprefix('sha256:')[:16]}-{seed}.pt"
    try:
        state = torch.load(path, weights_only=True)
        classifier.load_state_dict(state["weights"])
        classifier.accuracy = state["accuracy"]
    except Exception:  # absent, cut short or of an earlier form: whatever it is, it is made again
        _train(classifier, dataset, seed)
        buffer = io.BytesIO()
        torch.save({"weights": classifier.state_dict(), "accuracy": classifier.accuracy}, buffer)
        write_atomically(path, buffer.getvalue())
    return classifier.eval()


def _train(classifier: SmallClassifier, dataset: Dataset, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in classifier.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.reset_parameters()
    optimiser = torch.optim.Adam(classifier.parameters(), lr=2e-3)
    batches = Batches(dataset, "train", 128, seed, torch.device("cpu"))
    for step in range(min(STEPS, PASSES * batches.per_epoch)):
        x, labels = batches(step)
        assert labels is not None
        loss = F.cross_entropy(classifier(x), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    rows = dataset.sample("test", 5_000)
    assert dataset.labels is not None
    classifier.accuracy = float((classifier.classify(dataset.images[rows]) == dataset.labels[rows]).mean())
