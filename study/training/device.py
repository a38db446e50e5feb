"""Which device and which arithmetic: chosen automatically, stated in every result."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path
from typing import Literal

import torch

from models.errors import UserError

__all__ = ["choose_device", "choose_precision", "describe_hardware", "gpu_count", "memory_fraction", "memory_left"]

CONTEXT = 2**30  # bytes of a CUDA context with its libraries, generously: about half of it on an H100


def choose_device(gpus: float = 0.0) -> torch.device:
    """CUDA when `gpus` > 0 of it were asked for, else the CPU.  Raises `UserError` when there is no GPU to be had."""
    if gpus <= 0:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError(f"a GPU was asked for (gpus={gpus:g}), but torch sees none on this machine")
    if gpus < 1:  # Ray's fractions are bookkeeping only: the memory has to be capped here
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_fraction(gpus, total))
    return torch.device("cuda")


def memory_fraction(gpus: float, total: int) -> float:
    """The part of a device's `total` bytes that PyTorch may take in a process that has the share `gpus` of it.

    What CUDA itself takes in every process is not PyTorch's to cap, so it comes off the share: four quarters fit.

    >>> memory_fraction(0.25, 80 * 2**30)
    0.2375
    """
    return max(gpus - CONTEXT / total, gpus / 2)


def memory_left(device: torch.device) -> int:
    """Bytes that this process may still take: what is free on the device, and of that no more than its share.  0 on the CPU."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    share = int(torch.cuda.get_per_process_memory_fraction(device) * total) - torch.cuda.memory_reserved(device)
    return max(min(free, share), 0)


def gpu_count() -> int:
    """How many GPUs torch sees on this machine."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The dtype of the networks' arithmetic; sums, losses and parameters always stay float32."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[wanted]
    fast = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def describe_hardware(device: torch.device) -> dict[str, str | int | bool]:
    """What a result was computed on."""
    kind: Literal["cuda", "cpu"] = "cuda" if device.type == "cuda" else "cpu"
    name = torch.cuda.get_device_name(device) if kind == "cuda" else _cpu_name()
    return {"device": kind, "name": name, "threads": torch.get_num_threads(), "bfloat16": _cpu_has_bfloat16()}


def _cpu_name() -> str:
    """The processor's model where the system tells it (Linux), else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpu_has_bfloat16() -> bool:
    """AMX tiles, or AVX-512 bf16: without them bf16 is emulated and slow."""
    cpu = torch.cpu
    return bool(cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported())
