"""What a GPU would wait for, as far as a CPU can tell: no step reads a number back, or builds one on the host.

The tests run the loop as CUDA runs it (images and the order of an epoch resident), on the CPU, under a dispatch mode that sees
every operator.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import study.training.batches as batches_module
import study.training.run as run_module
from models.config import OBJECTIVES
from study.training.batches import Batches, _ResidentBytes
from study.training.device import CONTEXT, memory_fraction, memory_left
from study.training.run import CHUNK, Run
from tests.models.helpers import SMALL_OBJECTIVE
from tests.study.training.test_train import blobs, config, finish, weights

WAITS = {
    "aten._local_scalar_dense",  # .item(), float(), if tensor:
    "aten.nonzero",
    "aten.masked_select",
    "aten.equal",
    "aten.is_nonzero",
    "aten._unique2",
    "aten.lift_fresh",  # torch.tensor(number): a blocking copy from pageable memory
}


class Seen(TorchDispatchMode):
    """Counts operators by name."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators[str(function).rpartition(".")[0]] += 1
        return function(*args, **(kwargs or {}))


@pytest.fixture
def resident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "images_on", lambda device, images: _ResidentBytes(images, device))


def test_the_mode_sees_what_waits() -> None:
    with Seen() as seen:
        number = torch.ones(3).sum()
        assert number.item() == 3 and bool(number > 2)
        torch.tensor(2.0)
    assert seen.operators["aten._local_scalar_dense"] == 2
    assert seen.operators["aten.lift_fresh"] == 1


@pytest.mark.usefixtures("resident")
@pytest.mark.parametrize("objective", OBJECTIVES.names())
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_waits_for_the_device(objective: str, precision: str) -> None:
    training = {"precision": precision, "clip_norm": 10.0, "lr_schedule": "one_cycle"}
    run = Run(config(40, objective, SMALL_OBJECTIVE.get(objective, {}), **training), blobs(), seed=0, reports=2)
    next(run.advance())  # the optimisers have their state, the epoch its order
    run.schedules = type(run.schedules)(run.config.training, run.objective, run.step, 40, run.device)
    assert run.step % run.batches.per_epoch, "within an epoch"
    with Seen() as seen:
        run._step()
    assert sum(seen.operators.values()) > 50
    assert {name: seen.operators[name] for name in WAITS if seen.operators[name]} == {}


@pytest.mark.usefixtures("resident")
@pytest.mark.parametrize(("objective", "decay"), [("beta_vae", 0.0), ("beta_vae", 0.01), ("factor_vae", 0.0)])
def test_the_optimiser_that_cuda_has_learns_the_same_without_waiting(
    objective: str, decay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capturable, its learning rate on the device: read by schedules that fill it in place, in a checkpoint, too."""
    settings = config(30, objective, lr_schedule="one_cycle", weight_decay=decay)
    plain = finish(Run(settings, blobs(), seed=0, reports=2))
    monkeypatch.setattr(run_module, "_adam", partial(run_module._adam, capturable=True))
    run = Run(settings, blobs(), seed=0, reports=2)
    assert isinstance(run.optimiser.param_groups[0]["lr"], torch.Tensor)
    next(run.advance())
    run.schedules = type(run.schedules)(run.config.training, run.objective, run.step, 30, run.device)
    with Seen() as seen:
        run._step()
    assert {name: seen.operators[name] for name in WAITS if seen.operators[name]} == {}
    again = finish(Run(settings, blobs(), seed=0, reports=2))
    assert float(again.optimiser.param_groups[0]["lr"]) == pytest.approx(plain.optimiser.param_groups[0]["lr"])
    for name, tensor in weights(again).items():
        torch.testing.assert_close(tensor, weights(plain)[name], rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("resident")
def test_the_loop_looks_at_the_loss_once_a_chunk_and_reads_a_report_at_once() -> None:
    steps = 3 * CHUNK
    run = Run(config(steps), blobs(), seed=0, reports=1)
    with Seen() as seen:
        finish(run)
    assert seen.operators["aten._local_scalar_dense"] <= 2 * 3


def test_resident_batches_are_the_gathered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    data, cpu = blobs(100), torch.device("cpu")
    gathered = Batches(data, "train", 16, 5, cpu)
    monkeypatch.setattr(batches_module, "images_on", lambda device, images: _ResidentBytes(images, device))
    resident = Batches(data, "train", 16, 5, cpu)
    assert resident.images.resident and not gathered.images.resident
    for step in (0, 1, 17, 4):
        assert torch.equal(resident(step)[0], gathered(step)[0])


def test_four_quarters_with_their_contexts_fit_a_card() -> None:
    for gigabytes in (8, 16, 80, 141):
        total = gigabytes * 2**30
        share = memory_fraction(0.25, total) * total
        assert share > 0
        assert 4 * (share + min(CONTEXT, total / 8)) <= total
    assert memory_left(torch.device("cpu")) == 0


def test_emulated_bfloat16_is_not_taken_for_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from study.training.device import choose_precision

    asked: list[dict[str, bool]] = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **how: asked.append(how) or False)  # type: ignore[func-returns-value]
    assert choose_precision("auto", torch.device("cuda")) == torch.float32
    assert asked == [{"including_emulation": False}]


def test_rows_may_be_given_as_an_array_to_images_on_the_device() -> None:
    data = blobs(10)
    images = _ResidentBytes(data.images, torch.device("cpu"), chunk=3)
    rows = np.array([7, 0])
    assert torch.equal(images(rows), images(torch.from_numpy(rows)))
