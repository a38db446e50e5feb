"""A real S3 server on this machine, moto's, in a process of its own: nothing leaves the machine, and it can be killed."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import fs

__all__ = ["Server", "free_port", "server"]


class Server:
    """One that listens at a port of 127.0.0.1; what it holds is in its memory."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.numbers = itertools.count()
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """With it a process finds this server and is let in."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, "moto's server ended at once"
                time.sleep(0.1)
        raise AssertionError("moto's server did not start in a minute")

    def stop(self) -> None:
        """It is gone, and all it held with it."""
        self.process.kill()
        self.process.wait()

    def files(self) -> fs.FileSystem:
        """What it holds; buckets may be made."""
        return fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="us-east-1",
            access_key="test",
            secret_key="test",
            allow_bucket_creation=True,
        )

    def new_bucket(self) -> str:
        """The URL of a new one."""
        name = f"bucket-{next(self.numbers)}"
        self.files().create_dir(name)
        return f"s3://{name}"


@contextmanager
def server() -> Iterator[Server]:
    """One for a while."""
    started = Server()
    try:
        yield started
    finally:
        started.stop()


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
