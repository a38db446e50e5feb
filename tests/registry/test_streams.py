"""Streams: what `encode` and `decode` say, batch by batch, in the memory of one batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from registry import load
from registry.errors import RegistryError
from tests.registry.helpers import images

REPOSITORY = Path(__file__).parents[2]

CAPPED = """
import resource, sys
from pathlib import Path
import numpy as np
from registry import load

BATCH, BATCHES, CAP = 4096, 128, 64 * 2**20      # the stream and what is decoded are 128 MB each, the cap is half of that
model = load("tiny", registry=sys.argv[1], threads=1)
model.decode(model.encode(np.zeros((BATCH, 1, 8, 8), np.float32))[0])
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + CAP,) * 2)

batches = (np.full((BATCH, 1, 8, 8), number / BATCHES, np.float32) for number in range(BATCHES))
means = (mu for mu, _ in model.encode_stream(batches))
print(sum(len(pictures) for pictures in model.decode_stream(means)))
try:
    model.decode(np.zeros((BATCH * BATCHES, 3), np.float32))
except MemoryError:
    print("all at once does not fit")
"""


def test_a_stream_says_what_its_batches_say(published):
    model = load("tiny", registry=published.root)
    parts = [images(count, seed=count) for count in (1, 300, 2)]
    for (mu, logvar), part in zip(model.encode_stream(parts), parts, strict=True):
        np.testing.assert_array_equal(mu, model.encode(part)[0])
        np.testing.assert_array_equal(logvar, model.encode(part)[1])
    z = [np.ones((count, 3), np.float32) for count in (2, 5)]
    assert [len(pictures) for pictures in model.decode_stream(z)] == [2, 5]
    assert list(model.encode_stream([])) == []


def test_labels_travel_with_their_batch(published):
    model = load("labelled", registry=published.root)
    (mu, _), (other, _) = model.encode_stream([(images(3), 0), (images(3), np.array([1, 2, 3]))])
    np.testing.assert_array_equal(mu, model.encode(images(3), 0)[0])
    np.testing.assert_array_equal(other, model.encode(images(3), [1, 2, 3])[0])


def test_nothing_is_read_ahead_and_a_bad_batch_is_refused_when_it_comes(published):
    model = load("tiny", registry=published.root)
    drawn = []

    def batches():
        for number, batch in enumerate([images(2), np.zeros((2, 3, 3, 3), np.uint8), images(2)]):
            drawn.append(number)
            yield batch

    stream = model.encode_stream(batches())
    assert drawn == []
    next(stream)
    assert drawn == [0]
    with pytest.raises(RegistryError, match="must have shape"):
        next(stream)
    with pytest.raises(RegistryError, match="but got 3 parts"):
        next(model.decode_stream([(np.zeros((1, 3)), 0, 0)]))  # type: ignore[list-item]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space")
def test_a_stream_longer_than_memory(published):
    done = subprocess.run(
        [sys.executable, "-c", CAPPED, str(published.root)], cwd=REPOSITORY, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(4096 * 128), "all at once does not fit"]
