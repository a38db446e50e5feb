"""Is the backward pass the derivative of the forward pass?  Finite differences tell, without any calculus.

    central   (f(θ + h) − f(θ − h))/2h     off by h²·f‴/6
    forward   (f(θ + h) − f(θ))/h          off by h·f″/2

Smaller steps are better until rounding, of the order ε/h with ε = 2.2e-16 in float64, takes over: the error plotted over h
is a V, with its best near h = ε^⅓ ≈ 6e-6 (central) or √ε ≈ 1.5e-8 (forward).  A wrong backward pass shows as a curve that
stays flat and high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.numpy_vae.layers import Array
from models.numpy_vae.model import NumpyVAE

__all__ = ["Difference", "check_gradients", "error_by_step_size", "numerical_gradient", "relative_error"]

Difference = Literal["central", "forward"]


def numerical_gradient(
    f: Callable[[], float], array: Array, h: float = 6e-6, *, entries: Sequence[int] | None = None, kind: Difference = "central"
) -> NDArray[np.float64]:
    """df/d(array) at the flat `entries` (all, if None), by moving each by h and back.  `array` must be float64."""
    assert array.dtype == np.float64 and array.flags.c_contiguous, "finite differences need float64, changed in place"
    flat = array.reshape(-1)
    chosen = range(flat.size) if entries is None else entries
    return np.array([_difference(f, flat, entry, h, kind) for entry in chosen])


def relative_error(found: Array, expected: Array) -> float:
    """‖found − expected‖/(‖found‖ + ‖expected‖): 0 equal, 1 opposite or unrelated; 0 for two zeros."""
    scale = float(np.linalg.norm(found) + np.linalg.norm(expected))
    return float(np.linalg.norm(np.asarray(found) - expected)) / scale if scale else 0.0


def check_gradients(
    model: NumpyVAE,
    x: Array,
    noise: Array,
    *,
    beta: float = 1.0,
    h: float = 6e-6,
    entries: int = 20,
    kind: Difference = "central",
    seed: int = 0,
) -> dict[str, float]:
    """The relative error of every parameter's gradient, at up to `entries` random entries each.  Needs a float64 model."""
    rng = np.random.default_rng(seed)
    _, grads = model.loss_and_gradients(x, noise, beta)
    errors = {}
    for name, array in model.params().items():
        chosen = rng.choice(array.size, min(entries, array.size), replace=False)
        numerical = numerical_gradient(lambda: model.loss(x, noise, beta).loss, array, h, entries=chosen.tolist(), kind=kind)
        errors[name] = relative_error(grads[name].reshape(-1)[chosen], numerical)
    return errors


def error_by_step_size(
    model: NumpyVAE, x: Array, noise: Array, steps: Sequence[float] | None = None, *, entries: int = 5
) -> dict[str, NDArray[np.float64]]:
    """The data of the classic picture: arrays `h`, `central` and `forward`, the latter two the median error over parameters."""
    h = np.asarray(np.logspace(-12, -1, 23) if steps is None else steps, dtype=np.float64)
    picture: dict[str, NDArray[np.float64]] = {"h": h}
    kinds: tuple[Difference, ...] = ("central", "forward")
    for kind in kinds:
        errors = [check_gradients(model, x, noise, h=float(step), entries=entries, kind=kind) for step in h]
        picture[kind] = np.array([np.median(list(by_name.values())) for by_name in errors])
    return picture


def _difference(f: Callable[[], float], flat: Array, entry: int, h: float, kind: Difference) -> float:
    """The difference quotient in one direction; leaves `flat` as it was."""
    before = flat[entry]
    try:
        flat[entry] = before + h
        above = f()
        flat[entry] = before - (h if kind == "central" else 0)
        below = f()
    finally:
        flat[entry] = before
    return (above - below) / (2 * h if kind == "central" else h)
