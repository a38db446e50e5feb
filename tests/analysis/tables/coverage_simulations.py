"""How often the intervals that the product prints hold the truth: simulations of data whose truth is known.

Each draws data, computes what the product would print at 95 %, and says whether that holds the truth.  A range of fewer than six
values is no interval and makes no such claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator

from analysis.tables.associations import rank_correlation, rho_interval
from analysis.tables.blocked import blocked_effect
from analysis.tables.crossed import interval
from analysis.tables.equal_kl import matched_differences
from analysis.tables.importance import knob_importance
from study.records.intervals import LEAST_CLEAR, mean_interval, median_interval, share_interval

__all__ = ["CHEAP", "DEPENDENCES", "EQUAL_KL", "Simulation", "coverage", "importance_coverage"]

Simulation = Callable[[Generator], bool]
Spread = Callable[[Generator, int], np.ndarray]
Span = tuple[float, float]


def coverage(simulation: Simulation, runs: int) -> float:
    """The share of so many runs in which the interval held the truth."""
    generator = np.random.default_rng(0)
    return sum(simulation(generator) for _ in range(runs)) / runs


def median_of(n: int, spread: Spread) -> Simulation:
    """The median of n values of a distribution with median 0."""
    return lambda g: (lambda found: bool(found.low <= 0 <= found.high))(median_interval(spread(g, n)))


def mean_of(n: int) -> Simulation:
    return lambda g: (lambda found: bool(found.low <= 0 <= found.high))(mean_interval(g.normal(size=n)))


def share_of(n: int, truth: float) -> Simulation:
    def run(g: Generator) -> bool:
        low, high = share_interval(int(g.binomial(n, truth)), n)
        return low <= truth <= high

    return run


def rank_correlation_of(n: int, rho: float) -> Simulation:
    """Of a bivariate normal: its Spearman's ρ is 6/π · arcsin(ρ/2)."""

    def run(g: Generator) -> bool:
        x = g.normal(size=n)
        y = rho * x + np.sqrt(1 - rho**2) * g.normal(size=n)
        low, high = rho_interval(rank_correlation(x, y), n)
        return low <= 6 / np.pi * np.arcsin(rho / 2) <= high

    return run


def benchmark_of(models: int, cells: int, batches: int) -> Simulation:
    """AUROC of models that differ by .02 and batches that differ by .1, the same for all models."""

    def run(g: Generator) -> bool:
        shared, own = g.normal(0, 0.1, (1, cells, batches)), g.normal(0, 0.1, (models, cells, batches))
        found = interval(0.8 + (models > 1) * g.normal(0, 0.02, (models, 1, 1)) + shared + own)
        return found.low <= 0.8 <= found.high

    return run


def equal_kl_of(
    ours: Span, theirs: Span, noise: float | Span, n: int = 40, spread: Callable[..., np.ndarray] | None = None
) -> Simulation:
    """Two kinds of the same worth that search different ranges of KL; a false claim is an interval without 0.

    noise: sd over seeds in nats, of both kinds or of each.
    """

    def trials(g: Generator, span: Span, sd: float) -> pd.DataFrame:
        kl = g.uniform(*span, n)
        return pd.DataFrame({"kl": kl, "recon": 60 + 400 * np.exp(-kl / 8) + sd * (spread or normal)(g, n)})

    def run(g: Generator) -> bool:
        first, second = noise if isinstance(noise, tuple) else (noise, noise)
        differences = matched_differences(trials(g, ours, first), trials(g, theirs, second), "recon")
        if len(differences) < LEAST_CLEAR:
            return True  # their range is no claim
        found = median_interval(differences)
        return bool(found.low <= 0 <= found.high)

    return run


def blocked_of(counts: Sequence[int], spreads: Sequence[float]) -> Simulation:
    """Paired differences in settings that differ in effect, number of seeds and spread."""

    def run(g: Generator) -> bool:
        centres = np.resize((-3.0, 0.0, 1.0, 2.0), len(counts))
        found = blocked_effect([g.normal(m, s, n) for m, s, n in zip(centres, spreads, counts, strict=True)])
        return bool(found.low <= centres.mean() <= found.high)

    return run


def other_settings_of(settings: int, seeds: int) -> Simulation:
    """Settings drawn at random, whose effects differ by more than seeds do."""

    def run(g: Generator) -> bool:
        found = blocked_effect(list(g.normal(0, 2, (settings, 1)) + g.normal(0, 1, (settings, seeds))))
        return found.low_like <= 0 <= found.high_like

    return run


DEPENDENCES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "one strong knob": lambda a, b, c: a,
    "a product": lambda a, b, c: a * b,
    "nothing": lambda a, b, c: 0 * a,
    "a strong knob and a weak choice": lambda a, b, c: a + 0.5 * (c == "x"),
}


def importance_coverage(dependence: str, trials: int, runs: int) -> dict[str, float]:
    """For each of three knobs (two numbers, one choice of three): the share of studies whose interval holds the importance that
    such studies have on average."""
    g, found = np.random.default_rng(2), []
    for _ in range(runs):
        a, b, c = g.uniform(-1, 1, trials), g.uniform(-1, 1, trials), g.choice(["x", "y", "z"], trials)
        metric = DEPENDENCES[dependence](a, b, c) + g.normal(0, 0.3, trials)
        table = pd.DataFrame({"usable": True, "number": a, "other": b, "choice": c, "mig": metric})
        found.append(knob_importance(table, "mig", seed=int(g.integers(10**6))).set_index("knob"))
    truth = sum(each["importance"] for each in found) / runs
    held = sum((each["low"] <= truth) & (truth <= each["high"]) for each in found) / runs
    return {str(knob): float(share) for knob, share in held.items()}


def normal(g: Generator, n: int) -> np.ndarray:
    return g.normal(size=n)


def skewed(g: Generator, n: int) -> np.ndarray:
    return g.exponential(size=n) - np.log(2)


CHEAP: dict[str, Simulation] = {
    "median of 6 values, normal": median_of(6, normal),
    "median of 8, skewed": median_of(8, skewed),
    "median of 20, skewed": median_of(20, skewed),
    "mean of 3": mean_of(3),
    "mean of 5": mean_of(5),
    "share, 2 of 100 in 20": share_of(20, 0.02),
    "share, 40 of 100 in 15": share_of(15, 0.4),
    "rank correlation of 8 trials, ρ 0": rank_correlation_of(8, 0.0),
    "rank correlation of 20, ρ .5": rank_correlation_of(20, 0.5),
    "rank correlation of 12, ρ .8": rank_correlation_of(12, 0.8),
    "BatchRank, 1 model, 4 cells of 30 batches": benchmark_of(1, 4, 30),
    "BatchRank, 2 models": benchmark_of(2, 4, 30),
    "BatchRank, 3 models": benchmark_of(3, 4, 30),
    "BatchRank, 5 models, 1 cell of 50": benchmark_of(5, 1, 50),
    "paired arms, 4 settings of 5 seeds": blocked_of((5, 5, 5, 5), (1, 1, 1, 1)),
    "paired arms, one setting noisier": blocked_of((5, 5, 5, 5), (1, 1, 1, 5)),
    "paired arms, 3 seeds, some lost": blocked_of((3, 1, 2, 3), (1, 1, 1, 1)),
    "paired arms, one setting of 3": blocked_of((3,), (1,)),
    "paired arms, other settings": other_settings_of(6, 5),
}

EQUAL_KL: dict[str, Simulation] = {
    "equal KL, the same ranges": equal_kl_of((5, 30), (5, 30), 4),
    "equal KL, seeds differ little": equal_kl_of((5, 30), (5, 30), 1),
    "equal KL, 100 trials a kind": equal_kl_of((5, 30), (5, 30), 4, 100),
    "equal KL, 12 trials a kind": equal_kl_of((5, 30), (5, 30), 4, 12),
    "equal KL, 18–30 against 10–22 nats": equal_kl_of((18, 30), (10, 22), 2),
    "equal KL, one kind noisier": equal_kl_of((5, 20), (10, 30), (1, 6), 30),
    "equal KL, skewed": equal_kl_of((5, 30), (5, 30), 4, 40, skewed),
}
"""Kinds that are the same: what is not covered is a false alarm."""
