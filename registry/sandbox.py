"""A foreign model's first run, in a child process that can do no harm: little memory, little time, no file to open.

A kilobyte of standard ONNX can ask for gigabytes (`ConstantOfShape`), for hours (a chain of large products) or answer with
the wrong shape, and no reading of the file finds all of that.  So before the files of a model run in this process for the
first time, they are opened and run in a child under the operating system's limits.  Models that were tried, or made, on
this machine are remembered by their digests in the user's cache folder, so the child is paid for once (about 0.3 s).

What a trial cannot find is a model that waits for a certain picture.  Memory and time of a service that runs foreign models
on foreign pictures must be limited around the whole service.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from registry.errors import UnsafeError
from registry.manifest import Graph, Signature

__all__ = ["remember", "remember_network", "try_model", "try_network_once", "try_networks", "try_once"]

MEMORY, SECONDS = 512 * 2**20, 10  # bytes beyond what the libraries take; of the processor, and of the clock
NETWORKS = ("encoder.onnx", "decoder.onnx")
BATCHES = (1, 3)  # a file made for one row shows itself


def try_once(files: Mapping[str, bytes], signature: Signature) -> None:
    """`try_networks` of a model, unless it was done (or the model was made) on this machine.  Raises `UnsafeError`."""
    if not _mark(_networks(files)).exists():
        try_model(files, signature)
        remember(files)


def try_model(files: Mapping[str, bytes], signature: Signature) -> None:
    """`try_networks` of a model's encoder and decoder.  Raises `UnsafeError`."""
    graphs = (signature.encoder, signature.decoder)
    try_networks([(name, files[name], graph) for name, graph in zip(NETWORKS, graphs, strict=True)])


def remember(files: Mapping[str, bytes]) -> None:
    """Note that these networks were tried.  Without a place to note it, they are tried again next time."""
    remember_network(*_networks(files))


def try_network_once(name: str, data: bytes, graph: Graph) -> None:
    """`try_networks` of a single one, unless it was done (or it was made) on this machine.  Raises `UnsafeError`."""
    if not _mark([data]).exists():
        try_networks([(name, data, graph)])
        remember_network(data)


def remember_network(*networks: bytes) -> None:
    """As `remember`."""
    try:
        _mark(networks).parent.mkdir(parents=True, exist_ok=True)
        _mark(networks).touch()
    except OSError:  # a read-only home: trying again is only slower
        return


def try_networks(networks: Sequence[tuple[str, bytes, Graph]]) -> None:
    """Open and run networks (name, bytes, what goes in and out) in a child process.

    Raises `UnsafeError` for more memory or time than allowed, a wrong answer, or a file that onnxruntime cannot open.
    """
    told = [{"name": name, "size": len(data), "graph": graph.model_dump(mode="json")} for name, data, graph in networks]
    sent = json.dumps({"networks": told, "seconds": SECONDS}).encode() + b"\n" + b"".join(data for _, data, _ in networks)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "registry.sandbox"], input=sent, capture_output=True, timeout=4 * SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        raise UnsafeError(f"the model must answer within {SECONDS} s, but its trial run did not end") from None
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode == 0 and lines == ["ok"]:
        return
    if done.returncode == 2 and len(lines) == 1:
        raise UnsafeError(lines[0])
    raise UnsafeError(
        f"the model must run within {SECONDS} s and {MEMORY >> 20} MB, but its trial run was stopped (status {done.returncode})"
    )


def _networks(files: Mapping[str, bytes]) -> list[bytes]:
    return [files[name] for name in NETWORKS]


def _mark(networks: Sequence[bytes]) -> Path:
    whole = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in networks)).hexdigest()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "vae-registry" / "tried" / whole


def _limit(seconds: int) -> None:
    """From here on: no new file, a bounded address space, a bounded time.  Systems without `resource` have the clock only."""
    try:
        import resource
    except ImportError:
        return
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    if taken:
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # standard input, output and error are open already


def _main() -> int:
    import numpy as np

    from models.errors import UserError
    from registry.sessions import open_session, run_session

    sent = sys.stdin.buffer
    header = json.loads(sent.readline())
    networks = [(told["name"], sent.read(told["size"]), Graph.model_validate(told["graph"])) for told in header["networks"]]
    rng = np.random.default_rng(0)
    _limit(header["seconds"])
    try:
        for name, data, graph in networks:
            session = open_session(data, name, graph, ["CPUExecutionProvider"], threads=1)
            for count in BATCHES:
                inputs = [
                    rng.random((count, *map(int, spec.shape[1:])), dtype=np.float32)
                    if spec.dtype == "float32"
                    else np.zeros((count, *map(int, spec.shape[1:])), np.int64)
                    for spec in graph.inputs
                ]
                run_session(session, name, graph, inputs)
    except UserError as error:
        print(error, flush=True)
        return 2
    except MemoryError:
        print(f"the model must run within {MEMORY >> 20} MB, but it asks for more", flush=True)
        return 2
    print("ok", flush=True)
    return 0


if __name__ == "__main__":
    status = _main()
    sys.stdout.flush()
    os._exit(status)  # no clean-up that needs what the limits took away
