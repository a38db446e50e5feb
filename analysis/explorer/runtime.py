"""onnxruntime-web 1.30.0 (MIT), the smallest build that runs on processors, so that a page needs no network.

Its two files come unchanged from the npm package `onnxruntime-web`; the WebAssembly is compressed as `gzip -9 -n` does it, and
the page unpacks it (`DecompressionStream`).  To renew them: `npm pack onnxruntime-web`, then put the new digests here.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

__all__ = ["DIGESTS", "FOLDER", "VERSION", "embedded", "runtime"]

VERSION = "1.30.0"
FOLDER = Path(__file__).with_name("onnxruntime_web")
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz"
DIGESTS = {
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "bf933930bc90cf4f613f36cdc41616b54cfd2e9930478b574aed6ed4ef9ff8ca",
}
"""sha256 of the files as they lie here."""


def runtime() -> dict[str, str]:
    """The library's script and its WebAssembly, as `embedded` bytes."""
    return {"script": embedded((FOLDER / SCRIPT).read_bytes()), "wasm": base64.b64encode((FOLDER / WASM).read_bytes()).decode()}


def embedded(data: bytes) -> str:
    """Bytes as a page carries them: gzip, then base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()
