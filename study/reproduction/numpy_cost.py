"""What does writing it oneself cost?  Speed and memory of training steps, NumPy against PyTorch.

Same network, same batch of MNIST-shaped noise, same arithmetic (float32, Adam), each library in a process of its own, so that
neither one's memory counts for the other.

    python -m study.reproduction.numpy_cost

prints the sheet; `compare` returns it.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

__all__ = ["NETWORKS", "Cost", "Library", "Network", "compare", "measure", "sheet"]

Library = Literal["numpy", "torch"]
Network = Literal["mlp", "cnn"]

LIBRARIES: tuple[Library, ...] = ("numpy", "torch")
NETWORKS: tuple[Network, ...] = ("mlp", "cnn")
LATENT_DIM = 20
HIDDEN: dict[Network, tuple[int, ...]] = {"mlp": (400,), "cnn": (256, 64)}  # 784–400–20; conv 32, 32 → 256–64–20
IMAGE_SHAPE = (1, 28, 28)


@dataclass(frozen=True)
class Cost:
    """seconds_per_step: the fastest, for other processes only ever add time.

    peak_mb: of the whole process, its imports included; step_mb: by how much the steps raised the peak before them.
    """

    library: Library
    network: Network
    batch_size: int
    seconds_per_step: float
    peak_mb: float
    step_mb: float


def compare(batch_size: int = 128, steps: int = 30, networks: tuple[Network, ...] = NETWORKS) -> list[Cost]:
    """A `Cost` for each library and network, each measured in a process of its own."""
    return [_in_own_process(library, network, batch_size, steps) for network in networks for library in LIBRARIES]


def sheet(costs: list[Cost]) -> str:
    """The comparison as lines of text, one a network, with the ratios NumPy/PyTorch."""
    lines = []
    for network in dict.fromkeys(cost.network for cost in costs):
        ours, theirs = (next(c for c in costs if (c.library, c.network) == (name, network)) for name in LIBRARIES)
        lines.append(
            f"{network}, batch {ours.batch_size}: NumPy {1e3 * ours.seconds_per_step:.1f} ms a step, "
            f"PyTorch {1e3 * theirs.seconds_per_step:.1f} ms, ratio {ours.seconds_per_step / theirs.seconds_per_step:.1f}; "
            f"steps raise the peak by {ours.step_mb:.0f} MB and {theirs.step_mb:.0f} MB; "
            f"whole process {ours.peak_mb:.0f} MB and {theirs.peak_mb:.0f} MB"
        )
    return "\n".join(lines)


def measure(library: Library, network: Network, batch_size: int, steps: int) -> Cost:
    """Time `steps` training steps, after three that are not counted, in this process."""
    rng = np.random.default_rng(0)
    x = rng.random((batch_size, *IMAGE_SHAPE), dtype=np.float32)
    noise = rng.standard_normal((batch_size, LATENT_DIM), dtype=np.float32)
    step = _numpy_step(network, x, noise) if library == "numpy" else _torch_step(network, x, noise)
    before, times = _peak_mb(), []
    for _ in range(steps + 3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return Cost(library, network, batch_size, min(times[3:]), _peak_mb(), _peak_mb() - before)


def _numpy_step(network: Network, x: np.ndarray, noise: np.ndarray) -> Callable[[], None]:
    from models.numpy_vae.model import cnn, mlp
    from models.numpy_vae.optim import Adam

    hidden = HIDDEN[network]
    model = mlp(IMAGE_SHAPE, hidden, LATENT_DIM) if network == "mlp" else cnn(IMAGE_SHAPE, (32, 32), hidden, LATENT_DIM)
    optimiser = Adam(model.params())
    return lambda: optimiser.step(model.loss_and_gradients(x, noise)[1], 1e-3)


def _torch_step(network: Network, x: np.ndarray, noise: np.ndarray) -> Callable[[], None]:
    import torch

    from models.config import VAEConfig
    from models.vae import VAE

    options = {"hidden": HIDDEN[network]}
    config = VAEConfig(image_shape=IMAGE_SHAPE, architecture=network, architecture_options=options, latent_dim=LATENT_DIM)
    model, images, samples = VAE(config), torch.from_numpy(x), torch.from_numpy(noise)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        terms = model(images, samples)
        optimiser.zero_grad()
        (terms.nll_B.mean() + terms.kl_BD.sum(1).mean()).backward()
        optimiser.step()

    return step


def _in_own_process(library: Library, network: Network, batch_size: int, steps: int) -> Cost:
    command = [sys.executable, "-m", "study.reproduction.numpy_cost", library, network, str(batch_size), str(steps)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Cost(**json.loads(output))


def _peak_mb() -> float:
    """Peak resident memory of this process, MB; the system counts in kilobytes, on a Mac in bytes.

    Linux hands the peak of the process that started this one down in `ru_maxrss`, but not in VmHWM.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _main(arguments: list[str]) -> None:
    if not arguments:
        print(sheet(compare()))
        return
    library, network, batch_size, steps = arguments
    cost = measure(library, network, int(batch_size), int(steps))  # type: ignore[arg-type]  # from `_in_own_process`
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    _main(sys.argv[1:])
