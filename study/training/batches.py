"""Training batches on the device, without a data loader: no worker processes, no per-item Python.

Which images form batch `step` is a pure function of (seed, step): every epoch is a permutation drawn from its own
counter-based generator.  A resumed run therefore needs no state here.

On the CPU a batch is one gather from the memory-mapped file.  On CUDA the whole data set moves to the device once where it fits
(dSprites stays packed: 377 MB), with the order of an epoch, and batches never cross the bus; what does not fit is sent from
pinned memory while the device works.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.datasets import Dataset, Images, PackedImages, Part
from study.training.device import memory_left

__all__ = ["Batches", "images_on", "upload"]

Rows = NDArray[np.int64] | Tensor
"""Row numbers (n,): an array, or int64 on the device for images that live there."""


class DeviceImages(Protocol):
    """Images as a device sees them: row numbers → float (n, C, H, W) in [0, 1].

    resident   whether they live on the device, so that rows are best given as a tensor there
    """

    resident: bool

    def __call__(self, rows: Rows) -> Tensor: ...


def images_on(device: torch.device, images: Images) -> DeviceImages:
    """The images for one device: gathered from the file on the CPU, resident on CUDA where they fit."""
    if device.type == "cpu":
        return _Gathered(images, device)
    if isinstance(images, PackedImages):
        return _ResidentBits(images, device)
    fits = len(images) * math.prod(images.image_shape) < memory_left(device) / 4
    return _ResidentBytes(images, device) if fits else _Gathered(images, device)


def upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array on a device.  From pinned memory to CUDA, so that the host need not wait for what the device still does."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class _Gathered:
    """Read from the file for every batch."""

    resident = False

    def __init__(self, images: Images, device: torch.device) -> None:
        self.images, self.device = images, device

    def __call__(self, rows: Rows) -> Tensor:
        return upload(self.images[np.asarray(rows)], self.device).float().div_(255)


class _ResidentBits:
    """Packed binary images in device memory, unpacked by shifts."""

    resident = True

    def __init__(self, images: PackedImages, device: torch.device) -> None:
        self.image_shape = images.image_shape
        self.bits = torch.from_numpy(np.ascontiguousarray(images.bits)).to(device)
        self.shifts = torch.arange(7, -1, -1, device=device, dtype=torch.uint8)

    def __call__(self, rows: Rows) -> Tensor:
        packed = self.bits[_on(self.bits.device, rows)]
        flat = (packed.unsqueeze(-1) >> self.shifts).bitwise_and_(1).flatten(1)
        return flat[:, : math.prod(self.image_shape)].reshape(-1, *self.image_shape).float()


class _ResidentBytes:
    """Images of bytes in device memory, which holds them once while they are filled in, too."""

    resident = True

    def __init__(self, images: Images, device: torch.device, chunk: int = 4096) -> None:
        self.array = torch.empty((len(images), *images.image_shape), dtype=torch.uint8, device=device)
        for start in range(0, len(images), chunk):
            part = np.arange(start, min(start + chunk, len(images)))
            self.array[start : start + chunk] = torch.from_numpy(images[part]).to(device)

    def __call__(self, rows: Rows) -> Tensor:
        return self.array[_on(self.array.device, rows)].float().div_(255)


class Batches:
    """Batch number `step` of a part of a data set: images and, where the data has them, labels."""

    def __init__(self, dataset: Dataset, part: Part, batch_size: int, seed: int, device: torch.device) -> None:
        self.rows = dataset.parts[part]
        self.batch_size = min(batch_size, len(self.rows))
        self.per_epoch = len(self.rows) // self.batch_size
        self.seed = seed
        self.device = device
        self.images = images_on(device, dataset.images)
        self.labels = None if dataset.labels is None else upload(dataset.labels.copy(), device)
        self._epoch: tuple[int, Rows] = (-1, self.rows)

    def __call__(self, step: int) -> tuple[Tensor, Tensor | None]:
        """(x, labels): x float (B, C, H, W) in [0, 1]."""
        epoch, position = divmod(step, self.per_epoch)
        if self._epoch[0] != epoch:
            order = self._order(epoch)
            self._epoch = epoch, upload(order, self.device) if self.images.resident else order
        rows = self._epoch[1][position * self.batch_size :][: self.batch_size]
        return self.images(rows), self.labels_of(rows)

    def labels_of(self, rows: Rows) -> Tensor | None:
        """The labels (n,) of these rows on the device; None where the data have none."""
        return None if self.labels is None else self.labels[_on(self.device, rows)]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        """The rows of the part as this epoch goes through them."""
        return np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(self.rows)


def _on(device: torch.device, rows: Rows) -> Tensor:
    return rows if isinstance(rows, Tensor) else upload(rows, device)
