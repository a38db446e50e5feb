"""Adam (Kingma & Ba 2015, algorithm 1) and learning-rate decay.

    m ← β₁ m + (1 − β₁) g           the gradient's running mean
    v ← β₂ v + (1 − β₂) g²          and its running square
    θ ← θ − rate · (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)

Decays are functions of the step number, so that a resumed run continues them.
"""

from __future__ import annotations

import numpy as np

from models.numpy_vae.layers import Array

__all__ = ["Adam", "exponential_decay", "linear_decay", "step_decay"]


class Adam:
    """Changes the arrays of `params` in place."""

    def __init__(self, params: dict[str, Array], betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8) -> None:
        self._params = params
        self._betas, self._epsilon = betas, epsilon
        self._mean = {name: np.zeros_like(array) for name, array in params.items()}
        self._square = {name: np.zeros_like(array) for name, array in params.items()}
        self._steps = 0

    def step(self, grads: dict[str, Array], rate: float) -> None:
        """One update of every parameter with its gradient, at learning rate `rate`."""
        self._steps += 1
        (b1, b2), t = self._betas, self._steps
        for name, grad in grads.items():
            mean, square = self._mean[name], self._square[name]
            mean += (1 - b1) * (grad - mean)
            square += (1 - b2) * (grad**2 - square)
            scale = np.sqrt(square / (1 - b2**t)) + self._epsilon
            self._params[name] -= rate / (1 - b1**t) * mean / scale


def exponential_decay(step: int, rate: float, factor: float, every: int) -> float:
    """rate·factor^(step/every): smooth, `factor` each `every` steps."""
    return float(rate * factor ** (step / every))


def step_decay(step: int, rate: float, factor: float, every: int) -> float:
    """rate·factor^⌊step/every⌋: in stairs.

    >>> [step_decay(step, 1.0, 0.5, every=10) for step in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """
    return float(rate * factor ** (step // every))


def linear_decay(step: int, rate: float, less: float, every: int) -> float:
    """rate − less·⌊step/every⌋, not below zero: the MNIST source takes 2e-7 off each epoch."""
    return max(rate - less * (step // every), 0.0)
