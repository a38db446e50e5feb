"""How long metrics take on two cores.  Run with `pytest tests/benchmarks/test_metrics_speed.py -m benchmark -s`.

The model is an untrained Burgess network: the time of encoding does not depend on the weights, and its codes, unlike a
trained model's, vary little, which is the slow case for none of the metrics.  The codes of the second test are those of a
representation that entangles everything.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import pytest
import torch

from models.codec import TorchCodec
from models.config import VAEConfig
from models.vae import VAE
from study.evaluate import evaluate_codec, possible
from study.metrics import METRICS, evaluate, metric_of
from tests.study.metrics.golden_codes import grid_codes, grid_factors

pytestmark = pytest.mark.benchmark

SUITE_SECONDS, CODES_SECONDS = 20, 5
OUTLIERS = ("outlier", "explanation_hit", "context_gain")  # have a benchmark of their own


def clock(function, *arguments, **options) -> tuple[object, float]:
    start = time.perf_counter()
    result = function(*arguments, **options)
    return result, time.perf_counter() - start


def test_codes_and_factors_without_boosted_trees_take_5_seconds():
    codes, factors = grid_codes("mixed"), grid_factors()
    names = [name for name in METRICS.names() if metric_of(name).family == "codes" and metric_of(name).cost != "minutes"]
    evaluate(codes[::1000], factors[::1000], names)  # imports and thread pools
    seconds = {name: clock(evaluate, codes, factors, [name])[1] for name in names}
    _, total = clock(evaluate, codes, factors, names)
    print("\n" + "".join(f"{name:20s} {value:6.2f} s\n" for name, value in seconds.items()) + f"{'all':20s} {total:6.2f} s")
    assert total <= CODES_SECONDS


def test_suite_with_encoding_of_50000_images_takes_20_seconds(dsprites):
    torch.manual_seed(0)
    codec = TorchCodec(VAE(VAEConfig(image_shape=dsprites.image_shape)).eval())
    names = [name for name in possible(dsprites) if name not in OUTLIERS]
    evaluate_codec(codec, dsprites, metrics=names, points=500)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    encoded, encoding = clock(evaluate_codec, codec, dsprites, metrics=["kl"], part="train", points=50_000)
    found, total = clock(evaluate_codec, codec, dsprites, metrics=names, part="train", points=50_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"\nencoding 50,000 images {encoding:.1f} s, the suite with it {total:.1f} s, {grown:.0f} MB more memory")
    assert len(encoded.encoding) == len(found.encoding) == 50_000  # type: ignore[attr-defined]
    assert all(np.isfinite(value) for value in found.values.values())  # type: ignore[attr-defined]
    assert total <= SUITE_SECONDS
