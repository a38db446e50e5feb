"""Speed of the training loop: against the barest loop that does the same arithmetic, and bf16 against float32.

Ratios are taken within one run, alternating, medians of several laps:
`pytest tests/benchmarks/test_training_speed.py -m benchmark -s`
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from models.config import VAEConfig
from models.vae import VAE
from study.config import TrialConfig
from study.datasets import Dataset
from study.training.device import choose_precision
from study.training.run import Run

pytestmark = pytest.mark.benchmark

LAPS, STEPS, BATCH = 15, 25, 64
CPU = torch.device("cpu")


def our_loop(dataset: Dataset, precision: str) -> Callable[[], None]:
    training = {"steps": 10_000, "batch_size": BATCH, "precision": precision}
    run = Run(TrialConfig.parse({"dataset": "dsprites", "training": training}), dataset, seed=0, reports=10_000 // STEPS)
    reports = run.advance()

    def lap() -> None:
        next(reports)

    return lap


def barest_loop(dataset: Dataset, precision: str) -> Callable[[], None]:
    """The same model, optimiser, arithmetic type and memory format; nothing else."""
    torch.manual_seed(0)
    model = VAE(VAEConfig(image_shape=dataset.image_shape)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    dtype = choose_precision(precision, CPU)
    rows = dataset.parts["train"]

    def lap() -> None:
        for step in range(STEPS):
            x = torch.from_numpy(dataset.images[rows[step * BATCH : (step + 1) * BATCH]]).float() / 255
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                mu, logvar = model.encoder(x).float().chunk(2, 1)
                z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
                logits = model.decoder(z).float()
            recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
            loss = recon + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return lap


def rates(*laps: Callable[[], None]) -> list[float]:
    """Steps a second of each, medians of alternating laps."""
    for lap in laps:
        lap()
    seconds: list[list[float]] = [[] for _ in laps]
    for _ in range(LAPS):
        for measured, lap in zip(seconds, laps, strict=True):
            started = time.perf_counter()
            lap()
            measured.append(time.perf_counter() - started)
    return [STEPS / statistics.median(measured) for measured in seconds]


@pytest.mark.parametrize("precision", ["float32", "auto"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_loop_costs_little_beside_its_arithmetic(dsprites: Dataset, precision: str, threads: int) -> None:
    torch.set_num_threads(threads)
    ours, barest = rates(our_loop(dsprites, precision), barest_loop(dsprites, precision))
    print(f"\nBurgess, batch {BATCH}, {precision}, {threads} threads: {ours:.1f} of {barest:.1f} steps/s = {ours / barest:.0%}")
    assert ours / barest >= 0.9


@pytest.mark.parametrize("threads", [1, 2])  # one: as the trials of a laptop study train, side by side
def test_bfloat16_pays_where_the_cpu_has_it(dsprites: Dataset, threads: int) -> None:
    if choose_precision("auto", CPU) != torch.bfloat16:
        pytest.skip("this CPU has no bfloat16 arithmetic")
    torch.set_num_threads(threads)
    fast, slow = rates(our_loop(dsprites, "bfloat16"), our_loop(dsprites, "float32"))
    print(f"\nBurgess, batch {BATCH}, {threads} threads: bfloat16 {fast:.1f}, float32 {slow:.1f} steps/s: {fast / slow:.2f} ×")
    assert fast / slow >= 1.4
