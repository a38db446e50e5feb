"""Training the NumPy VAE: shuffled batches, Adam, a decaying learning rate.

Everything random comes from one generator, so that a seed decides a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.numpy_vae.layers import Array
from models.numpy_vae.model import Losses, NumpyVAE
from models.numpy_vae.optim import Adam

__all__ = ["Step", "batches", "train"]


@dataclass(frozen=True)
class Step:
    """One step of a training: its losses (nats per image), learning rate and the Euclidean norm of the gradient."""

    number: int
    losses: Losses
    learning_rate: float
    gradient_norm: float


def batches(count: int, batch_size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Row numbers, batch after batch, without end: each epoch is shuffled anew and its incomplete last batch left out.

    >>> rows = batches(5, 2, np.random.default_rng(0))
    >>> sorted(np.concatenate([next(rows), next(rows)]).tolist())  # one epoch: four of five images, none twice
    [0, 2, 3, 4]
    """
    if not 1 <= batch_size <= count:
        raise UserError(f"1 <= batch size <= images must hold, but got a batch size of {batch_size} for {count} images")
    while True:
        order = rng.permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


def train(
    model: NumpyVAE,
    images: NDArray[np.uint8],
    steps: int,
    *,
    batch_size: int = 128,
    beta: float = 1.0,
    learning_rate: Callable[[int], float] = lambda step: 1e-3,
    seed: int = 0,
) -> Iterator[Step]:
    """Train `model` on images (N, C, H, W), 0..255, for `steps` steps; yields each one.  `learning_rate` maps step → rate.

    Raises `UserError` for a batch size that the images cannot fill, `FloatingPointError` when the loss is not finite.
    """
    rng = np.random.default_rng(seed)
    optimiser = Adam(model.params())
    model.train()
    for number, rows in enumerate(islice(batches(len(images), batch_size, rng), steps)):
        x: Array = images[rows].astype(model.dtype) / 255
        noise = rng.standard_normal((batch_size, model.latent_dim))
        losses, grads = model.loss_and_gradients(x, noise, beta)
        if not np.isfinite(losses.loss):
            raise FloatingPointError(f"the loss of step {number} is {losses.loss}")
        rate = learning_rate(number)
        optimiser.step(grads, rate)
        yield Step(number, losses, rate, _norm(grads))
    model.train(False)


def _norm(grads: dict[str, Array]) -> float:
    return float(np.sqrt(sum(float(np.vdot(grad, grad)) for grad in grads.values())))
