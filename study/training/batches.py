"""Training batches on the device, without a data loader: no worker processes, no per-item Python.

Which images form batch `step` is a pure function of (seed, step): every epoch is a permutation drawn from its own
counter-based generator.  A resumed run therefore needs no state here.

On the CPU a batch is one gather from the memory-mapped file.  On CUDA the whole data set moves to the device once (dSprites
stays packed: 377 MB) and batches never cross the bus.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study.datasets import Dataset, Images, PackedImages, Part

__all__ = ["Batches", "images_on"]


class DeviceImages(Protocol):
    """Images as a device sees them: row numbers → float (n, C, H, W) in [0, 1]."""

    def __call__(self, rows: NDArray[np.int64]) -> Tensor: ...


def images_on(device: torch.device, images: Images) -> DeviceImages:
    """The images for one device: gathered from the file on the CPU, resident on CUDA where they fit."""
    if device.type == "cpu":
        return lambda rows: torch.from_numpy(images[rows]).float().div_(255)
    if isinstance(images, PackedImages):
        return _ResidentBits(images, device)
    size = len(images) * math.prod(images.image_shape)
    free, _ = torch.cuda.mem_get_info(device) if device.type == "cuda" else (0, 0)
    if size < free / 4:
        return _ResidentBytes(images, device)
    return lambda rows: torch.from_numpy(images[rows]).to(device, non_blocking=True).float().div_(255)


class _ResidentBits:
    """Packed binary images in device memory, unpacked by shifts."""

    def __init__(self, images: PackedImages, device: torch.device) -> None:
        self.image_shape = images.image_shape
        self.bits = torch.from_numpy(np.ascontiguousarray(images.bits)).to(device)
        self.shifts = torch.arange(7, -1, -1, device=device, dtype=torch.uint8)

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        packed = self.bits[torch.from_numpy(rows).to(self.bits.device)]
        flat = (packed.unsqueeze(-1) >> self.shifts).bitwise_and_(1).flatten(1)
        return flat[:, : math.prod(self.image_shape)].reshape(-1, *self.image_shape).float()


class _ResidentBytes:
    """Images of bytes in device memory."""

    def __init__(self, images: Images, device: torch.device, chunk: int = 4096) -> None:
        parts = (images[np.arange(start, min(start + chunk, len(images)))] for start in range(0, len(images), chunk))
        self.array = torch.cat([torch.from_numpy(part).to(device) for part in parts])

    def __call__(self, rows: NDArray[np.int64]) -> Tensor:
        return self.array[torch.from_numpy(rows).to(self.array.device)].float().div_(255)


class Batches:
    """Batch number `step` of a part of a data set: images and, where the data has them, labels."""

    def __init__(self, dataset: Dataset, part: Part, batch_size: int, seed: int, device: torch.device) -> None:
        self.rows = dataset.parts[part]
        self.batch_size = min(batch_size, len(self.rows))
        self.per_epoch = len(self.rows) // self.batch_size
        self.seed = seed
        self.images = images_on(device, dataset.images)
        self.labels = None if dataset.labels is None else torch.from_numpy(dataset.labels.copy()).to(device)
        self._epoch: tuple[int, NDArray[np.int64]] = (-1, self.rows)

    def __call__(self, step: int) -> tuple[Tensor, Tensor | None]:
        """(x, labels): x float (B, C, H, W) in [0, 1]."""
        epoch, position = divmod(step, self.per_epoch)
        rows = self._order(epoch)[position * self.batch_size :][: self.batch_size]
        labels = None if self.labels is None else self.labels[torch.from_numpy(rows).to(self.labels.device)]
        return self.images(rows), labels

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if self._epoch[0] != epoch:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
            self._epoch = (epoch, generator.permutation(self.rows))
        return self._epoch[1]
